// Event of events.k8s.io/v1: the newer of two views of one stored object (the other is core/v1, which is what is stored)
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/). Fields of the older view that the newer one
// does not want are there as `deprecated…`; errors name them as the older view does.
import { events } from "../core/event.ts";
import { kind } from "../declare.ts";
import { type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { Event, EventsEvent } from "../generated/types.ts";
import { checkImmutable, sameValue } from "../immutable.ts";
import { checkQualifiedName } from "../names.ts";

/** The core/v1 view. */
export function toCoreEvent(event: EventsEvent): Event {
  const { note, regarding, reportingController, deprecatedCount, deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedSource, ...same } = event;
  return {
    ...same,
    apiVersion: "v1",
    involvedObject: regarding ?? {},
    ...defined({
      message: note,
      reportingComponent: reportingController,
      count: deprecatedCount,
      firstTimestamp: deprecatedFirstTimestamp,
      lastTimestamp: deprecatedLastTimestamp,
      source: deprecatedSource,
    }),
  };
}

/** The events.k8s.io/v1 view. */
export function fromCoreEvent(event: Event): EventsEvent {
  const { message, involvedObject, reportingComponent, count, firstTimestamp, lastTimestamp, source, ...same } = event;
  return {
    ...(same as Omit<EventsEvent, "regarding">),
    apiVersion: "events.k8s.io/v1",
    regarding: involvedObject,
    ...defined({
      note: message,
      reportingController: reportingComponent,
      deprecatedCount: count,
      deprecatedFirstTimestamp: firstTimestamp,
      deprecatedLastTimestamp: lastTimestamp,
      deprecatedSource: source,
    }),
  };
}

function defined<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function checkSeries({ series }: EventsEvent): FieldError[] {
  if (series === undefined) return [];
  const path = FieldPath.root("series");
  const errors: FieldError[] = [];
  if ((series.count ?? 0) < 2) errors.push(invalid(path.child("count"), "", "should be at least 2"));
  if ((series.lastObservedTime ?? "") === "") errors.push(required(path.child("lastObservedTime")));
  return errors;
}

const LONGEST_WORD = 128;
const LONGEST_NOTE = 1024;

/** Who reports what, in words of a bounded length. */
function checkReporter(event: EventsEvent): FieldError[] {
  const { reportingController = "", note = "" } = event;
  const controller = FieldPath.root("reportingController");
  const errors =
    reportingController === ""
      ? [required(controller)]
      : checkQualifiedName(reportingController).map((problem) => invalid(controller, reportingController, problem));
  for (const name of ["reportingInstance", "action", "reason"] as const) {
    const word = event[name] ?? "";
    if (word === "") errors.push(required(FieldPath.root(name)));
    if (word.length > LONGEST_WORD) errors.push(invalid(FieldPath.root(name), "", `can have at most ${LONGEST_WORD} characters`));
  }
  if (note.length > LONGEST_NOTE) errors.push(invalid(FieldPath.root("message"), "", `can have at most ${LONGEST_NOTE} characters`));
  return errors;
}

function validateCreate(event: EventsEvent): FieldError[] {
  const errors = [...checkReporter(event), ...checkSeries(event)];
  const unset = (value: unknown, name: string): void => {
    if (!sameValue(value || undefined, undefined)) errors.push(invalid(FieldPath.root(name), "", "needs to be unset"));
  };
  if ((event.eventTime ?? "") === "") errors.push(required(FieldPath.root("eventTime")));
  if (event.type !== "Normal" && event.type !== "Warning") errors.push(invalid(FieldPath.root("type"), "", `has invalid value: ${event.type ?? ""}`));
  unset(event.deprecatedFirstTimestamp, "firstTimestamp");
  unset(event.deprecatedLastTimestamp, "lastTimestamp");
  unset(event.deprecatedCount, "count");
  unset(event.deprecatedSource?.component || event.deprecatedSource?.host, "source");
  return errors;
}

/** Only the series goes on; what happened does not change. */
function validateUpdate(event: EventsEvent, old: EventsEvent): FieldError[] {
  const fixed: readonly [keyof EventsEvent, string][] = [
    ["regarding", "involvedObject"],
    ["reason", "reason"],
    ["note", "message"],
    ["deprecatedSource", "source"],
    ["deprecatedFirstTimestamp", "firstTimestamp"],
    ["deprecatedLastTimestamp", "lastTimestamp"],
    ["deprecatedCount", "count"],
    ["type", "type"],
    ["eventTime", "eventTime"],
    ["action", "action"],
    ["related", "related"],
    ["reportingController", "reportingController"],
    ["reportingInstance", "reportingInstance"],
  ];
  const seriesErrors = sameValue(event.series, old.series) ? [] : checkSeries(event);
  return [...seriesErrors, ...fixed.flatMap(([field, name]) => checkImmutable(event[field], old[field], FieldPath.root(name)))];
}

export const eventsV1 = kind<EventsEvent>("events.k8s.io/v1", "Event", {
  columns: events.declaration.columns.map((column) => ({ ...column, value: (event, now) => column.value(toCoreEvent(event), now) })),
  countsGeneration: false,
  createsOnUpdate: true,
  validateCreate,
  validateUpdate,
  selectableFields: {
    reason: ({ reason }) => reason ?? "",
    "regarding.kind": ({ regarding }) => regarding?.kind ?? "",
    "regarding.namespace": ({ regarding }) => regarding?.namespace ?? "",
    "regarding.name": ({ regarding }) => regarding?.name ?? "",
    "regarding.uid": ({ regarding }) => regarding?.uid ?? "",
    "regarding.apiVersion": ({ regarding }) => regarding?.apiVersion ?? "",
    "regarding.resourceVersion": ({ regarding }) => regarding?.resourceVersion ?? "",
    "regarding.fieldPath": ({ regarding }) => regarding?.fieldPath ?? "",
    reportingController: ({ reportingController }) => reportingController ?? "",
    type: ({ type }) => type ?? "",
  },
  storedAs: {
    kind: () => events,
    toStored: toCoreEvent,
    fromStored: (stored) => fromCoreEvent(stored as Event),
  },
});

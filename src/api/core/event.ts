// Event of the core group: the older of two views of one stored object (the other is events.k8s.io). What is stored is this one
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/).
import { ageText } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Event } from "../generated/types.ts";
import type { Column } from "../kind.ts";
import { validateCoreEvent, validateCoreEventUpdate } from "./event-validation.ts";

function firstSeen(event: Event, now: number): string {
  return ageText(event.firstTimestamp ?? event.eventTime, now);
}

function lastSeen(event: Event, now: number): string {
  if (event.series !== undefined) return ageText(event.series.lastObservedTime, now);
  return event.lastTimestamp === undefined ? firstSeen(event, now) : ageText(event.lastTimestamp, now);
}

function sourceCell({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || "";
  const host = source?.host || reportingInstance || "";
  return host === "" ? component : `${component}, ${host}`;
}

function objectCell({ involvedObject: { kind: objectKind = "", name = "" } }: Event): string {
  return name === "" ? objectKind.toLowerCase() : `${objectKind.toLowerCase()}/${name}`;
}

const columns: readonly Column<Event>[] = [
  { name: "Last Seen", type: "string", description: "How long ago it happened last.", value: lastSeen },
  { name: "Type", type: "string", description: "Normal or Warning.", value: ({ type }) => type ?? "" },
  { name: "Reason", type: "string", description: "Why it was recorded, in one word.", value: ({ reason }) => reason ?? "" },
  { name: "Object", type: "string", description: "What it is about.", value: objectCell },
  { name: "Subobject", type: "string", priority: 1, description: "Which part of the object.", value: ({ involvedObject }) => involvedObject.fieldPath ?? "" },
  { name: "Source", type: "string", priority: 1, description: "Who recorded it.", value: sourceCell },
  { name: "Message", type: "string", description: "What happened.", value: ({ message }) => (message ?? "").trim() },
  { name: "First Seen", type: "string", priority: 1, description: "How long ago it happened first.", value: firstSeen },
  {
    name: "Count",
    type: "string",
    priority: 1,
    description: "How often it happened.",
    value: ({ series, count }) => (series !== undefined ? (series.count ?? 0) : count || 1),
  },
  { name: "Name", type: "string", format: "name", priority: 1, description: "The event's name.", value: ({ metadata }) => metadata.name },
];

export const events = kind<Event>("v1", "Event", {
  columns,
  countsGeneration: false,
  createsOnUpdate: true,
  validateCreate: validateCoreEvent,
  validateUpdate: validateCoreEventUpdate,
  selectableFields: {
    "involvedObject.kind": ({ involvedObject }) => involvedObject.kind ?? "",
    "involvedObject.namespace": ({ involvedObject }) => involvedObject.namespace ?? "",
    "involvedObject.name": ({ involvedObject }) => involvedObject.name ?? "",
    "involvedObject.uid": ({ involvedObject }) => involvedObject.uid ?? "",
    "involvedObject.apiVersion": ({ involvedObject }) => involvedObject.apiVersion ?? "",
    "involvedObject.resourceVersion": ({ involvedObject }) => involvedObject.resourceVersion ?? "",
    "involvedObject.fieldPath": ({ involvedObject }) => involvedObject.fieldPath ?? "",
    reason: ({ reason }) => reason ?? "",
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? "",
    source: ({ source, reportingComponent }) => source?.component || reportingComponent || "",
    type: ({ type }) => type ?? "",
  },
});

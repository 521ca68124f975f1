import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../field-errors.ts";
import type { Event, EventsEvent } from "../generated/types.ts";
import { eventsV1, fromCoreEvent, toCoreEvent } from "./event.ts";

const event: EventsEvent = {
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  metadata: { name: "e", namespace: "ns" },
  eventTime: "2026-01-01T00:00:00.000000Z",
  type: "Normal",
  reason: "Started",
  action: "Start",
  note: "hello",
  regarding: { kind: "Pod", name: "p" },
  reportingController: "example.com/c",
  reportingInstance: "i",
};

describe("events.k8s.io/v1 Event", () => {
  it("is a view of the core event, there and back", () => {
    const core: Event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "e", namespace: "ns" },
      involvedObject: { kind: "Pod", name: "p" },
      message: "hello",
      reason: "Started",
      count: 2,
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:01:00Z",
      source: { component: "kubelet" },
      type: "Normal",
    };
    expect(fromCoreEvent(core)).toMatchObject({ note: "hello", regarding: { name: "p" }, deprecatedCount: 2, deprecatedSource: { component: "kubelet" } });
    expect(toCoreEvent(fromCoreEvent(core))).toEqual(core);
    expect(fromCoreEvent(toCoreEvent(event))).toEqual(event);
  });

  it("shows what the core event shows", () => {
    const now = Date.UTC(2026, 0, 1, 0, 0, 30);
    const shown = eventsV1.declaration.columns.filter(({ priority }) => priority !== 1).map((column) => column.value(event, now));
    expect(shown).toEqual(["30s", "Normal", "Started", "pod/p", "hello"]);
  });

  it("is stricter than the core event when it is created", () => {
    const { declaration } = eventsV1;
    expect(declaration.validateCreate?.(event)).toEqual([]);
    const bad = { ...event, type: "Odd", deprecatedCount: 1, series: { count: 1, lastObservedTime: "2026-01-01T00:00:00.000000Z" } };
    expect(declaration.validateCreate?.(bad).map(fieldErrorText)).toEqual([
      'series.count: Invalid value: "": should be at least 2',
      'type: Invalid value: "": has invalid value: Odd',
      'count: Invalid value: "": needs to be unset',
    ]);
  });

  it("changes nothing but its series", () => {
    const series = { count: 2, lastObservedTime: "2026-01-01T00:00:00.000000Z" };
    expect(eventsV1.declaration.validateUpdate?.({ ...event, series }, event)).toEqual([]);
    expect(eventsV1.declaration.validateUpdate?.({ ...event, note: "x" }, event).map(fieldErrorText)).toEqual([
      'message: Invalid value: "x": field is immutable',
    ]);
  });
});

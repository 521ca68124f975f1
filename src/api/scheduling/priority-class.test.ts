import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../field-errors.ts";
import type { PriorityClass } from "../generated/types.ts";
import { priorityClasses, systemPriorityClasses } from "./priority-class.ts";

const { declaration } = priorityClasses;
const priorityClass: PriorityClass = {
  apiVersion: "scheduling.k8s.io/v1",
  kind: "PriorityClass",
  metadata: { name: "high" },
  value: 10,
  preemptionPolicy: "PreemptLowerPriority",
};

describe("PriorityClass", () => {
  it("leaves the highest values and the system's names to the system", () => {
    expect(declaration.validateCreate?.({ ...priorityClass, value: 1_000_000_001 }).map(fieldErrorText)).toEqual([
      "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
    ]);
    expect(declaration.validateCreate?.({ ...priorityClass, metadata: { name: "system-mine" } }).map(fieldErrorText)).toEqual([
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ]);
    for (const known of systemPriorityClasses) expect(declaration.validateCreate?.(known)).toEqual([]);
  });

  it("never changes its value", () => {
    expect(declaration.validateUpdate?.({ ...priorityClass, value: 11 }, priorityClass).map(fieldErrorText)).toEqual([
      "value: Forbidden: may not be changed in an update.",
    ]);
    expect(declaration.validateUpdate?.({ ...priorityClass, preemptionPolicy: "Never" }, priorityClass).map(fieldErrorText)).toEqual([
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]);
    expect(declaration.validateUpdate?.({ ...priorityClass, description: "new" }, priorityClass)).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../field-errors.ts";
import type { PodDisruptionBudget } from "../generated/types.ts";
import { podDisruptionBudgets } from "./pod-disruption-budget.ts";

const budget = (spec: PodDisruptionBudget["spec"]): PodDisruptionBudget => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "b", namespace: "ns" },
  spec,
});

describe("PodDisruptionBudget", () => {
  it("limits either what stays or what goes", () => {
    const check = (spec: PodDisruptionBudget["spec"]): string[] => (podDisruptionBudgets.declaration.validateCreate?.(budget(spec)) ?? []).map(fieldErrorText);
    expect(check({ minAvailable: "50%", selector: { matchLabels: { app: "a" } } })).toEqual([]);
    expect(check({ minAvailable: 1, maxUnavailable: 1 })).toEqual([
      'spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
    ]);
    expect(check({ minAvailable: -1 })).toEqual(["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]);
    expect(check({ maxUnavailable: "200%" })).toEqual(['spec.maxUnavailable: Invalid value: "200%": must not be greater than 100%']);
  });

  it("shows its limits and what is allowed now", () => {
    const shown: PodDisruptionBudget = { ...budget({ minAvailable: 1 }), status: { disruptionsAllowed: 2 } };
    expect(podDisruptionBudgets.declaration.columns.map((column) => column.value(shown, 0))).toEqual(["b", "1", "N/A", 2, "<unknown>"]);
  });
});

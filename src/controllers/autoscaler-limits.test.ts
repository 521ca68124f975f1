// How fast the count may follow the metrics.
import { describe, expect, it } from "vitest";
import type { HorizontalPodAutoscaler, HPAScalingRules } from "../api/index.ts";
import { afterScaling, type Limited, limit, newHistory, type ScalingHistory } from "./autoscaler-limits.ts";
import { NOW_MS } from "./testing.ts";

type Spec = HorizontalPodAutoscaler["spec"];

function spec(behavior?: Spec["behavior"], more: Partial<Spec> = {}): Spec {
  return { scaleTargetRef: { kind: "Deployment", name: "web" }, minReplicas: 1, maxReplicas: 100, ...(behavior === undefined ? {} : { behavior }), ...more };
}

/** Scaling rules as defaulting completes them. */
function rules(policies: readonly [type: "Pods" | "Percent", value: number, periodSeconds: number][], more: Partial<HPAScalingRules> = {}): HPAScalingRules {
  return {
    stabilizationWindowSeconds: 0,
    selectPolicy: "Max",
    policies: policies.map(([type, value, periodSeconds]) => ({ type, value, periodSeconds })),
    ...more,
  };
}
const FREE = rules([["Percent", 1000, 15]]);

function history(...recommendations: readonly [replicas: number, secondsAgo: number][]): ScalingHistory {
  return { recommendations: recommendations.map(([replicas, seconds]) => ({ replicas, atMs: NOW_MS - seconds * 1000 })), ups: [], downs: [] };
}

const wish = (current: number, desired: number, minReplicas = 1) => ({ current, desired, minReplicas, nowMs: NOW_MS });
const reasons = ({ verdicts }: Limited): string[] => verdicts.map(({ status, reason }) => `${reason}=${status}`);

describe("without a behavior", () => {
  const cases: readonly [what: string, current: number, desired: number, past: ScalingHistory, replicas: number, limited: string][] = [
    ["rises at once", 3, 5, history(), 5, "DesiredWithinRange=False"],
    ["rises to four or the double", 1, 10, history(), 4, "ScaleUpLimit=True"],
    ["rises to the double of more", 10, 30, history(), 20, "ScaleUpLimit=True"],
    ["falls at once when nothing higher was recommended lately", 5, 2, history([5, 301]), 2, "DesiredWithinRange=False"],
    ["waits for five minutes before it falls", 5, 2, history([4, 299]), 4, "DesiredWithinRange=False"],
  ];
  it.each(cases)("%s", (_, current, desired, past, replicas, limited) => {
    const result = limit(spec(), past, wish(current, desired));
    expect(result.replicas).toBe(replicas);
    expect(reasons(result)[1]).toBe(limited);
  });
  it("keeps to the smallest and largest count", () => {
    expect(limit(spec(undefined, { maxReplicas: 6 }), history(), wish(5, 9))).toMatchObject({
      replicas: 6,
      verdicts: [{}, { reason: "TooManyReplicas", status: "True" }],
    });
    expect(limit(spec(), history(), wish(5, 1, 2))).toMatchObject({ replicas: 2, verdicts: [{}, { reason: "TooFewReplicas", status: "True" }] });
  });
  it("says that it waits", () => {
    expect(reasons(limit(spec(), history([4, 10]), wish(5, 2)))[0]).toBe("ScaleDownStabilized=True");
    expect(reasons(limit(spec(), history([4, 10]), wish(5, 5)))[0]).toBe("ReadyForNewScale=True");
  });
});

describe("with a behavior", () => {
  const up = (scaleUp: HPAScalingRules): Spec => spec({ scaleUp, scaleDown: FREE });
  const down = (scaleDown: HPAScalingRules): Spec => spec({ scaleUp: FREE, scaleDown });
  const cases: readonly [what: string, of: Spec, current: number, desired: number, replicas: number, reason: string][] = [
    [
      "the policy that allows most holds",
      up(
        rules([
          ["Pods", 4, 60],
          ["Percent", 10, 60],
        ]),
      ),
      10,
      100,
      14,
      "ScaleUpLimit=True",
    ],
    [
      "the policy that allows least holds with Min",
      up(
        rules(
          [
            ["Pods", 4, 60],
            ["Percent", 10, 60],
          ],
          { selectPolicy: "Min" },
        ),
      ),
      10,
      100,
      11,
      "ScaleUpLimit=True",
    ],
    ["a rise by percents allows at least one", up(rules([["Percent", 10, 60]])), 3, 100, 4, "ScaleUpLimit=True"],
    ["nothing rises when it is disabled", up(rules([["Pods", 4, 60]], { selectPolicy: "Disabled" })), 10, 100, 10, "ScaleUpLimit=True"],
    ["a fall keeps to its policy", down(rules([["Pods", 2, 60]])), 10, 1, 8, "ScaleDownLimit=True"],
    ["a fall by percents is cut", down(rules([["Percent", 30, 60]])), 9, 1, 6, "ScaleDownLimit=True"],
    [
      "of two the larger fall holds",
      down(
        rules([
          ["Pods", 2, 60],
          ["Percent", 50, 60],
        ]),
      ),
      10,
      1,
      5,
      "ScaleDownLimit=True",
    ],
    [
      "of two the smaller fall holds with Min",
      down(
        rules(
          [
            ["Pods", 2, 60],
            ["Percent", 50, 60],
          ],
          { selectPolicy: "Min" },
        ),
      ),
      10,
      1,
      8,
      "ScaleDownLimit=True",
    ],
    ["nothing falls when it is disabled", down(rules([["Pods", 2, 60]], { selectPolicy: "Disabled" })), 10, 1, 10, "ScaleDownLimit=True"],
    ["the largest count holds", spec({ scaleUp: FREE, scaleDown: FREE }, { maxReplicas: 12 }), 10, 50, 12, "TooManyReplicas=True"],
  ];
  it.each(cases)("%s", (_, of, current, desired, replicas, reason) => {
    const result = limit(of, newHistory(current, NOW_MS - 1e7), wish(current, desired));
    expect(result.replicas).toBe(replicas);
    expect(reasons(result)[1]).toBe(reason);
  });

  it("counts what was scaled within the period of a policy", () => {
    const of = up(rules([["Pods", 4, 60]]));
    const past = afterScaling(history(), { from: 6, to: 9, nowMs: NOW_MS - 30_000 });
    expect(limit(of, past, wish(9, 50)).replicas).toBe(10);
    expect(limit(of, { ...past, downs: [{ count: 2, atMs: NOW_MS - 20_000 }] }, wish(9, 50)).replicas).toBe(12);
    expect(limit(of, past, { ...wish(9, 50), nowMs: NOW_MS + 30_000 }).replicas).toBe(13);
  });

  it("rises to the lowest and falls to the highest of its window", () => {
    const of = spec({
      scaleUp: rules([["Percent", 1000, 15]], { stabilizationWindowSeconds: 60 }),
      scaleDown: rules([["Percent", 100, 15]], { stabilizationWindowSeconds: 120 }),
    });
    const rise = limit(of, history([4, 70], [6, 30]), wish(5, 9));
    expect([rise.replicas, ...reasons(rise)]).toEqual([6, "ScaleUpStabilized=True", "DesiredWithinRange=False"]);
    const fall = limit(of, history([4, 70], [9, 130], [3, 10]), wish(5, 2));
    expect([fall.replicas, ...reasons(fall)]).toEqual([4, "ScaleDownStabilized=True", "DesiredWithinRange=False"]);
  });

  it("waits five minutes to fall when no window is given", () => {
    const { stabilizationWindowSeconds: _none, ...free } = FREE;
    expect(limit(spec({ scaleUp: FREE, scaleDown: free }), history([8, 200]), wish(9, 1)).replicas).toBe(8);
    expect(limit(spec({ scaleUp: FREE, scaleDown: free }), history([8, 300]), wish(9, 1)).replicas).toBe(1);
  });
});

it("remembers an hour of recommendations and no more", () => {
  let past = newHistory(1, NOW_MS);
  for (let turn = 1; turn <= 1000; turn++) past = limit(spec(), past, { ...wish(1, 1), nowMs: NOW_MS + turn * 15_000 }).history;
  expect(past.recommendations.length).toBeLessThanOrEqual(242);
});

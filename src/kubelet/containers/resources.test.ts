import { describe, expect, it } from "vitest";
import type { Pod } from "../../api/index.ts";
import { containerResources, oomScoreAdjust, podCgroup, podCgroupLimits } from "./resources.ts";

const GI = 2 ** 30;
function pod(...resources: object[]): Pod {
  const containers = resources.map((own, index) => ({ name: `c${index}`, image: "i", resources: own }));
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default", uid: "u1" }, spec: { containers } };
}
const of = (whole: Pod) => containerResources(whole, whole.spec.containers[0] ?? { name: "" }, 10 * GI);

describe("a container's limits", () => {
  it("are CPU weight, quota and memory", () => {
    expect(of(pod({ requests: { cpu: "250m", memory: "1Gi" }, limits: { cpu: "500m", memory: "2Gi" } }))).toEqual({
      cpuPeriod: 100_000,
      cpuQuota: 50_000,
      cpuShares: 256,
      memoryLimitBytes: 2 * GI,
      oomScoreAdj: 900,
    });
  });
  it("fall back to the smallest weight and none", () => {
    expect(of(pod({}))).toEqual({ cpuPeriod: 100_000, cpuQuota: 0, cpuShares: 2, memoryLimitBytes: 0, oomScoreAdj: 1000 });
  });
  it("take the limit as request when there is none", () => {
    expect(of(pod({ limits: { cpu: "1" } })).cpuShares).toBe(1024);
  });
  it("keep guaranteed containers alive longest", () => {
    const same = { cpu: "1", memory: "1Gi" };
    const whole = pod({ requests: same, limits: same });
    expect(oomScoreAdjust(whole, whole.spec.containers[0] ?? { name: "" }, 10 * GI)).toBe(-997);
  });
});

describe("a pod's cgroup", () => {
  it("stands below its class", () => {
    const same = { cpu: "1", memory: "1Gi" };
    expect(podCgroup("/kubets/kubepods", pod({}))).toBe("/kubets/kubepods/besteffort/podu1");
    expect(podCgroup("/kubets/kubepods", pod({ requests: { cpu: "1" } }))).toBe("/kubets/kubepods/burstable/podu1");
    expect(podCgroup("/kubets/kubepods", pod({ requests: same, limits: same }))).toBe("/kubets/kubepods/podu1");
  });
  it("has a limit only when every container has one", () => {
    const limited = { limits: { cpu: "500m", memory: "1Gi" } };
    expect(podCgroupLimits(pod(limited, limited), 100)).toEqual({
      cpuShares: 2,
      cpuPeriodMicros: 100_000,
      cpuQuotaMicros: 100_000,
      memoryLimitBytes: 2 * GI,
      pidsLimit: 100,
    });
    expect(podCgroupLimits(pod(limited, {}), undefined)).toEqual({ cpuShares: 2, cpuPeriodMicros: 100_000 });
  });
});

import { describe, expect, it } from "vitest";
import { configMaps, type Kind, type KubeObject, type Pod, pods, type ResourceQuota } from "../api/index.ts";
import { planQuota } from "./resourcequota.ts";
import { NOW_MS, pod } from "./testing.ts";

function quota(hard: Record<string, string>, status?: ResourceQuota["status"], scopes?: readonly string[]): ResourceQuota {
  const spec = { hard, ...(scopes === undefined ? {} : { scopes }) };
  return { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "default" }, spec, ...(status === undefined ? {} : { status }) };
}
function asking(name: string, cpu: string | undefined, phase = "Running"): { kind: Kind; object: KubeObject } {
  const resources = cpu === undefined ? {} : { requests: { cpu } };
  return { kind: pods as Kind, object: pod({ name, phase, more: { containers: [{ name: "main", image: "app:1", resources }] } }) as Pod };
}
function usedOf(of: ResourceQuota, objects: readonly { kind: Kind; object: KubeObject }[]) {
  const [write] = planQuota({ quota: of, objects }, NOW_MS).actions;
  return write?.do === "update" ? (write.object as ResourceQuota).status : undefined;
}

describe("a quota", () => {
  it("counts what is there, and zero for the rest", () => {
    const hard = { pods: "10", "requests.cpu": "4", "limits.memory": "1Gi", "count/configmaps": "5" };
    const map = { kind: configMaps as Kind, object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", namespace: "default" } } };
    expect(usedOf(quota(hard), [asking("a", "500m"), asking("b", "1"), map])).toEqual({
      hard,
      used: { pods: "2", "requests.cpu": "1500m", "limits.memory": "0", "count/configmaps": "1" },
    });
  });

  it("gives back what ended", () => {
    expect(usedOf(quota({ pods: "10" }), [asking("a", "1"), asking("b", "1", "Succeeded")])?.used).toEqual({ pods: "1" });
  });

  it("counts only what its scopes hold", () => {
    expect(usedOf(quota({ pods: "10" }, undefined, ["BestEffort"]), [asking("a", "1"), asking("b", undefined)])?.used).toEqual({ pods: "1" });
  });

  it("is written only when an amount changes, however it is written", () => {
    const status = { hard: { "requests.cpu": "4" }, used: { "requests.cpu": "1" } };
    expect(planQuota({ quota: quota({ "requests.cpu": "4000m" }, status), objects: [asking("a", "1000m")] }, NOW_MS).actions).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import type { PodSpec } from "../../../api/index.ts";
import { policyOf, violations, violationsText } from "./policy.ts";

const safe: PodSpec = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  containers: [{ name: "c", image: "i", securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } }],
};
const plain: PodSpec = { containers: [{ name: "nginx", image: "i" }] };

function text(level: "baseline" | "restricted", spec: PodSpec, version: number | "latest" = "latest"): string {
  return violationsText(violations({ level, version }, undefined, spec));
}

describe("Pod Security Standards", () => {
  it("let a plain pod pass baseline, and a careful one restricted", () => {
    expect(text("baseline", plain)).toBe("");
    expect(text("restricted", safe)).toBe("");
  });

  it("say what restricted wants, in the words of Kubernetes", () => {
    expect(text("restricted", plain)).toBe(
      'allowPrivilegeEscalation != false (container "nginx" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "nginx" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "nginx" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "nginx" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
  });

  it.each<[string, PodSpec, string]>([
    ["host namespaces", { ...plain, hostNetwork: true, hostPID: true }, "host namespaces (hostNetwork=true, hostPID=true)"],
    [
      "privileged containers",
      { containers: [{ name: "a", image: "i", securityContext: { privileged: true } }] },
      'privileged (container "a" must not set securityContext.privileged=true)',
    ],
    [
      "capabilities",
      { containers: [{ name: "a", image: "i", securityContext: { capabilities: { add: ["NET_RAW", "CHOWN"] } } }] },
      'non-default capabilities (container "a" must not include "NET_RAW" in securityContext.capabilities.add)',
    ],
    ["host paths", { ...plain, volumes: [{ name: "v", hostPath: { path: "/" } }] }, 'hostPath volumes (volume "v")'],
    ["host ports", { containers: [{ name: "a", image: "i", ports: [{ containerPort: 1, hostPort: 80 }] }] }, 'hostPort (container "a" uses hostPort 80)'],
    ["sysctls", { ...plain, securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } }, "forbidden sysctls (kernel.msgmax)"],
    [
      "seccomp",
      { ...plain, securityContext: { seccompProfile: { type: "Unconfined" } } },
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
  ])("forbid %s at the baseline", (_what, spec, expected) => {
    expect(text("baseline", spec)).toBe(expected);
  });

  it("are those of the version asked for", () => {
    const probed: PodSpec = { containers: [{ name: "a", image: "i", livenessProbe: { httpGet: { host: "h", port: 1 } } }] };
    expect(text("baseline", probed, 33)).toBe("");
    expect(text("baseline", probed, 34)).toBe('probe or lifecycle host (container "a" uses probe or lifecycle host "h")');
  });

  it("name restricted volume types instead of host paths", () => {
    expect(text("restricted", { ...safe, volumes: [{ name: "v", hostPath: { path: "/" } }] })).toBe(
      'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    );
  });
});

describe("namespace labels", () => {
  it("default the warning to what is enforced", () => {
    const { policy, errors } = policyOf({ "pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/enforce-version": "v1.30" });
    expect(errors).toEqual([]);
    expect(policy).toEqual({ enforce: { level: "baseline", version: 30 }, warn: { level: "baseline", version: 30 } });
    expect(policyOf(undefined).policy.enforce.level).toBe("privileged");
  });

  it("fail closed when they cannot be read", () => {
    const { policy, errors } = policyOf({ "pod-security.kubernetes.io/enforce": "strict" });
    expect(policy.enforce.level).toBe("restricted");
    expect(errors[0]).toEqual({
      type: "FieldValueInvalid",
      path: "metadata.labels[pod-security.kubernetes.io/enforce]",
      body: 'Invalid value: "strict": must be one of privileged, baseline, restricted',
    });
  });
});

import { describe, expect, it } from "vitest";
import { FieldPath } from "../field-errors.ts";
import type { PodSpec } from "../generated/types.ts";
import { nameWarnings, podWarnings, templateWarnings } from "./pod-warnings.ts";

const spec = (more: Partial<PodSpec>): { spec: PodSpec } => ({ spec: { containers: [{ name: "main", image: "app:1" }], ...more } });
const warned = (more: Partial<PodSpec>): string[] => podWarnings(FieldPath.empty, spec(more));

describe("who writes a pod is warned of", () => {
  it("nothing, when all is well", () => {
    expect(warned({ nodeSelector: { "kubernetes.io/arch": "arm64" }, imagePullSecrets: [{ name: "a" }] })).toEqual([]);
  });

  it("node labels that are no more", () => {
    expect(warned({ nodeSelector: { "beta.kubernetes.io/arch": "arm64" } })).toEqual([
      'spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead',
    ]);
  });

  it("names that stand twice, and fractions of bytes", () => {
    const env = [
      { name: "A", value: "1" },
      { name: "A", value: "$(A)2" },
      { name: "A", value: "3" },
    ];
    const containers = [{ name: "main", image: "app:1", env, resources: { limits: { memory: "0.5" } } }];
    expect(warned({ containers, imagePullSecrets: [{ name: "a" }, { name: "a" }] })).toEqual([
      'spec.imagePullSecrets[1].name: duplicate name "a"',
      'spec.containers[0].resources.limits[memory]: fractional byte value "500m" is invalid, must be an integer',
      'spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply',
    ]);
  });

  it("ports that meet", () => {
    const ports = (hostPort?: number) => [{ name: "web", containerPort: 80, ...(hostPort === undefined ? {} : { hostPort }) }];
    const containers = [
      { name: "a", image: "app:1", ports: ports() },
      { name: "b", image: "app:1", ports: ports(8080) },
    ];
    expect(warned({ containers })).toEqual([
      "spec.containers[1].ports[0]: overlapping port definition with spec.containers[0].ports[0]",
      'spec.containers[1].ports[0]: duplicate port name "web" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]',
    ]);
  });

  it("files of a volume that hide one another", () => {
    const items = [
      { key: "a", path: "etc" },
      { key: "b", path: "etc/b" },
    ];
    expect(warned({ volumes: [{ name: "data", configMap: { name: "settings", items } }] })).toEqual([
      'volume "data" (ConfigMap "settings"): overlapping paths: "etc/b" with "etc"',
    ]);
  });

  it("a name that is no host name", () => {
    expect(nameWarnings({ apiVersion: "v1", kind: "Pod", metadata: { name: "a.b" } })[0]).toContain("a DNS label is recommended: [must not contain dots]");
  });

  it("a template, each time it changes", () => {
    const path = FieldPath.root("spec").child("template");
    const template = spec({ imagePullSecrets: [{ name: "" }] });
    expect(templateWarnings(path, template)).toEqual(['spec.template.spec.imagePullSecrets[0].name: invalid empty name ""']);
    expect(templateWarnings(path, template, template)).toEqual([]);
  });
});

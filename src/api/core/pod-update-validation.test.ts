import { describe, expect, test } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { Container, Pod } from "../generated/types.ts";
import { pods } from "./pod.ts";
import { defaultPod } from "./pod-defaults.ts";
import { validatePodResize } from "./pod-resize-validation.ts";
import { validateEphemeralContainersUpdate, validatePodUpdate } from "./pod-update-validation.ts";

function runningPod(): Mutable<Pod> {
  const resources = { requests: { cpu: "100m" } };
  const pod: Mutable<Pod> = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default" },
    spec: { containers: [{ name: "main", image: "nginx:1", resources }], nodeName: "node-1", tolerations: [{ key: "a", operator: "Exists" }] },
    status: { phase: "Running", qosClass: "Burstable" },
  };
  defaultPod(pod);
  return pod;
}

type Check = (pod: Pod, old: Pod) => { body: string; path: string; type: string }[];

function errorsOf(change: (pod: Mutable<Pod>) => void, check: Check = validatePodUpdate as Check, old: Mutable<Pod> = runningPod()): string[] {
  const pod = mutableCopy(old);
  change(pod);
  return check(pod, old).map((error) => fieldErrorText(error as Parameters<typeof fieldErrorText>[0]));
}

function main(pod: Mutable<Pod>): Mutable<Container> {
  const [container] = pod.spec.containers;
  if (container === undefined) throw new Error("the example has a container");
  return container;
}

describe("an update of a pod", () => {
  test.each<[string, (pod: Mutable<Pod>) => void]>([
    [
      "the image",
      (pod) => {
        main(pod).image = "nginx:2";
      },
    ],
    [
      "a deadline",
      (pod) => {
        pod.spec.activeDeadlineSeconds = 60;
      },
    ],
    [
      "one more toleration",
      (pod) => {
        pod.spec.tolerations = [...(pod.spec.tolerations ?? []), { key: "b", operator: "Exists" }];
      },
    ],
    [
      "labels",
      (pod) => {
        pod.metadata.labels = { a: "b" };
      },
    ],
  ])("may change %s", (_what, change) => {
    expect(errorsOf(change)).toEqual([]);
  });

  test("may change nothing else, and says what was tried", () => {
    expect(
      errorsOf((pod) => {
        pod.spec.hostname = "other";
      }),
    ).toEqual([
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n+ hostname: "other"',
    ]);
  });

  test.each<[string, (pod: Mutable<Pod>) => void, string]>([
    [
      "containers added",
      (pod) => {
        pod.spec.containers.push({ ...main(pod), name: "second" });
      },
      "spec.containers: Forbidden: pod updates may not add or remove containers",
    ],
    [
      "a toleration removed",
      (pod) => {
        pod.spec.tolerations = [];
      },
      "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
    ],
    [
      "a gate added",
      (pod) => {
        pod.spec.schedulingGates = [{ name: "wait" }];
      },
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'wait'",
    ],
  ])("refuses %s", (_what, change, text) => {
    expect(errorsOf(change)).toContain(text);
  });

  test("a deadline only comes closer", () => {
    const old = runningPod();
    old.spec.activeDeadlineSeconds = 60;
    expect(
      errorsOf(
        (pod) => {
          pod.spec.activeDeadlineSeconds = 90;
        },
        undefined,
        old,
      ),
    ).toEqual(["spec.activeDeadlineSeconds: Invalid value: 90: must be less than or equal to previous value"]);
  });

  test("a gated pod may be narrowed to fewer nodes", () => {
    const old = runningPod();
    delete old.spec.nodeName;
    old.spec.schedulingGates = [{ name: "wait" }];
    old.spec.nodeSelector = { disk: "ssd" };
    expect(
      errorsOf(
        (pod) => {
          pod.spec.nodeSelector = { disk: "ssd", zone: "a" };
        },
        undefined,
        old,
      ),
    ).toEqual([]);
    expect(
      errorsOf(
        (pod) => {
          pod.spec.nodeSelector = { disk: "hdd" };
        },
        undefined,
        old,
      ),
    ).toEqual(['spec.nodeSelector: Invalid value: {"disk":"hdd"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)']);
  });
});

describe("subresources of a pod", () => {
  test("ephemeral containers are added, never changed or removed", () => {
    const check = validateEphemeralContainersUpdate as Check;
    const debug = { name: "debug", image: "b", imagePullPolicy: "Always", terminationMessagePolicy: "File" };
    expect(
      errorsOf((pod) => {
        pod.spec.ephemeralContainers = [debug];
      }, check),
    ).toEqual([]);
    const old = runningPod();
    old.spec.ephemeralContainers = [debug];
    expect(
      errorsOf(
        (pod) => {
          pod.spec.ephemeralContainers = [];
        },
        check,
        old,
      ),
    ).toEqual(['spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n']);
  });

  test("a resize changes cpu and memory, not the class of service", () => {
    const check = validatePodResize as Check;
    expect(
      errorsOf((pod) => {
        main(pod).resources = { requests: { cpu: "200m" } };
      }, check),
    ).toEqual([]);
    const all = { cpu: "1", memory: "1Gi" };
    expect(
      errorsOf((pod) => {
        main(pod).resources = { requests: all, limits: all };
      }, check),
    ).toEqual(['spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing']);
  });

  test("status updates keep the spec, the owner and the class", () => {
    const old = runningPod();
    const pod = mutableCopy(old);
    pod.spec.hostname = "other";
    pod.status = { phase: "Failed" };
    pods.declaration.prepareForStatusUpdate?.(pod, old, { now: 0, userName: "u", userGroups: [], warn: () => undefined });
    expect(pod.spec).toEqual(old.spec);
    expect(pod.status).toEqual({ phase: "Failed", qosClass: "Burstable" });
  });

  test("grace: none for pods that no node holds or that have ended", () => {
    const grace = (change: (pod: Mutable<Pod>) => void, asked?: number): number | undefined => {
      const pod = runningPod();
      change(pod);
      return pods.declaration.gracePeriodSeconds?.(pod, asked);
    };
    expect(grace(() => undefined)).toBe(30);
    expect(grace(() => undefined, 5)).toBe(5);
    expect(
      grace((pod) => {
        delete pod.spec.nodeName;
      }, 5),
    ).toBe(0);
    expect(
      grace((pod) => {
        pod.status = { phase: "Succeeded" };
      }),
    ).toBe(0);
  });
});

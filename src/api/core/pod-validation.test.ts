import { describe, expect, test } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { Pod } from "../generated/types.ts";
import { defaultPod } from "./pod-defaults.ts";
import { validatePod } from "./pod-validation.ts";

function examplePod(change: (pod: Mutable<Pod>) => void = () => undefined): Mutable<Pod> {
  const pod: Mutable<Pod> = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default" },
    spec: { containers: [{ name: "main", image: "nginx" }] },
  };
  change(pod);
  defaultPod(pod);
  return pod;
}

function errorsOf(change: (pod: Mutable<Pod>) => void): string[] {
  return validatePod(examplePod(change)).map(fieldErrorText);
}

/** The first container. */
function main(pod: Mutable<Pod>): Mutable<Pod>["spec"]["containers"][number] {
  const [container] = pod.spec.containers;
  if (container === undefined) throw new Error("the example has a container");
  return container;
}

describe("defaults of a pod", () => {
  test("fill in what the author left out", () => {
    expect(examplePod().spec).toMatchObject({
      restartPolicy: "Always",
      dnsPolicy: "ClusterFirst",
      schedulerName: "default-scheduler",
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: true,
      securityContext: {},
      containers: [{ imagePullPolicy: "Always", terminationMessagePath: "/dev/termination-log", terminationMessagePolicy: "File", resources: {} }],
    });
  });

  test.each([
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["nginx:1.27", "IfNotPresent"],
    ["registry:5000/nginx", "Always"],
    ["nginx@sha256:0123", "IfNotPresent"],
  ])("image %s is pulled %s", (image, policy) => {
    const pod = examplePod((it) => {
      main(it).image = image;
    });
    expect(main(pod).imagePullPolicy).toBe(policy);
  });

  test("limits are requests unless requests are given; ports of the host are those of the container", () => {
    const pod = examplePod((it) => {
      it.spec.hostNetwork = true;
      main(it).resources = { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "100m" } };
      main(it).ports = [{ containerPort: 80 }];
    });
    expect(main(pod).resources?.requests).toEqual({ cpu: "100m", memory: "1Gi" });
    expect(main(pod).ports).toEqual([{ containerPort: 80, hostPort: 80, protocol: "TCP" }]);
  });

  test("a template keeps its ports: they become the host's with the pod", () => {
    const pod = examplePod((it) => {
      main(it).livenessProbe = { httpGet: { port: 80 } };
      it.spec.volumes = [
        { name: "a" },
        { name: "b", secret: { secretName: "s" } },
        { name: "c", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } },
      ];
    });
    expect(main(pod).livenessProbe).toEqual({
      httpGet: { port: 80, path: "/", scheme: "HTTP" },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
    expect(pod.spec.volumes).toMatchObject([
      { emptyDir: {} },
      { secret: { defaultMode: 0o644 } },
      { projected: { defaultMode: 0o644, sources: [{ serviceAccountToken: { expirationSeconds: 3600 } }] } },
    ]);
  });

  test("defaulting twice changes nothing more", () => {
    const once = examplePod((it) => {
      main(it).resources = { limits: { cpu: "1" } };
    });
    const twice = mutableCopy(once);
    defaultPod(twice);
    expect(twice).toEqual(once);
  });
});

describe("validation of a pod", () => {
  test("accepts an ordinary one", () => {
    expect(errorsOf(() => undefined)).toEqual([]);
  });

  const cases: readonly (readonly [string, (pod: Mutable<Pod>) => void, readonly string[]])[] = [
    [
      "no containers",
      (it) => {
        it.spec.containers = [];
      },
      ["spec.containers: Required value"],
    ],
    [
      "a container without a name or image",
      (it) => {
        it.spec.containers = [{ name: "" }];
      },
      ["spec.containers[0].name: Required value", "spec.containers[0].image: Required value"],
    ],
    [
      "two containers of one name",
      (it) => {
        it.spec.containers.push({ name: "main", image: "b" });
      },
      ['spec.containers[1].name: Duplicate value: "main"'],
    ],
    [
      "an unknown restart policy",
      (it) => {
        it.spec.restartPolicy = "Sometimes";
      },
      ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      "a mount of no volume",
      (it) => {
        main(it).volumeMounts = [{ name: "data", mountPath: "/data" }];
      },
      ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
    ],
    [
      "two sources in one volume",
      (it) => {
        it.spec.volumes = [{ name: "data", emptyDir: {}, hostPath: { path: "/x" } }];
      },
      ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ],
    [
      "a path that climbs",
      (it) => {
        it.spec.volumes = [{ name: "c", configMap: { name: "c", items: [{ key: "k", path: "../x" }] } }];
      },
      ["spec.volumes[0].configMap.items[0].path: Invalid value: \"../x\": must not contain '..'"],
    ],
    [
      "a port out of range",
      (it) => {
        main(it).ports = [{ containerPort: 70000 }];
      },
      ["spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"],
    ],
    [
      "requests above limits",
      (it) => {
        main(it).resources = { requests: { cpu: "2" }, limits: { cpu: "1" } };
      },
      ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
    ],
    [
      "an unknown resource",
      (it) => {
        main(it).resources = { limits: { gold: "1" } };
      },
      [
        'spec.containers[0].resources.limits[gold]: Invalid value: "gold": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.limits[gold]: Invalid value: "gold": must be a standard resource for containers',
        'spec.containers[0].resources.requests[gold]: Invalid value: "gold": must be a standard resource type or fully qualified',
        'spec.containers[0].resources.requests[gold]: Invalid value: "gold": must be a standard resource for containers',
      ],
    ],
    [
      "a fraction of a device",
      (it) => {
        main(it).resources = { limits: { "example.com/gpu": "500m" }, requests: { "example.com/gpu": "500m" } };
      },
      [
        'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
        'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
      ],
    ],
    [
      "a probe that does nothing",
      (it) => {
        main(it).livenessProbe = {};
      },
      ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
    ],
    [
      "a liveness probe that counts successes",
      (it) => {
        main(it).livenessProbe = { tcpSocket: { port: "http" }, successThreshold: 2 };
      },
      ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
    ],
    [
      "a probe of a finishing init container",
      (it) => {
        it.spec.initContainers = [{ name: "init", image: "i", readinessProbe: { tcpSocket: { port: 1 } } }];
      },
      ["spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"],
    ],
    [
      "a variable of two origins",
      (it) => {
        main(it).env = [{ name: "A", value: "1", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }];
      },
      ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
    ],
    [
      "a field that pods do not tell",
      (it) => {
        main(it).env = [{ name: "A", valueFrom: { fieldRef: { fieldPath: "status.phase" } } }];
      },
      [
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
      ],
    ],
    [
      "sysctls of no form",
      (it) => {
        it.spec.securityContext = {
          sysctls: [
            { name: "foo-", value: "1" },
            { name: "kernel.shmmax", value: "1" },
          ],
        };
      },
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "foo-": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
      ],
    ],
    [
      "a toleration of everything, with a value",
      (it) => {
        it.spec.tolerations = [{ operator: "Exists", value: "x" }, { operator: "Equal" }];
      },
      [
        "spec.tolerations[0].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'",
        'spec.tolerations[1].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ],
    ],
    [
      "spreading over nothing",
      (it) => {
        it.spec.topologySpreadConstraints = [{ maxSkew: 0, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }];
      },
      ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"],
    ],
    [
      "DNS of one's own without a server",
      (it) => {
        it.spec.dnsPolicy = "None";
      },
      ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    ],
    [
      "a pod of the node's network with another port",
      (it) => {
        it.spec.hostNetwork = true;
        main(it).ports = [{ containerPort: 80, hostPort: 81 }];
      },
      ["spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"],
    ],
    [
      "an ephemeral container from the start",
      (it) => {
        it.spec.ephemeralContainers = [{ name: "debug", image: "b" }];
      },
      ["spec.ephemeralContainers: Forbidden: cannot be set on create"],
    ],
    [
      "privileges given and taken",
      (it) => {
        main(it).securityContext = { privileged: true, allowPrivilegeEscalation: false };
      },
      [
        'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      "an address that is none",
      (it) => {
        it.spec.hostAliases = [{ ip: "1.2.3", hostnames: ["a"] }];
      },
      ['spec.hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
  ];

  test.each(cases)("refuses %s", (_what, change, texts) => {
    expect(errorsOf(change)).toEqual(texts);
  });
});

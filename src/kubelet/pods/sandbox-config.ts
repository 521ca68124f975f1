// What the runtime has to know to make a pod's sandbox.
import type { Pod } from "../../api/index.ts";
import { podLabels } from "../containers/labels.ts";
import { podCgroup } from "../containers/resources.ts";
import { sandboxSecurityContext } from "../containers/security-context.ts";
import { kernelHostname, podHostname } from "../network/hosts-file.ts";
import type { ResolverConfig } from "../network/resolver-config.ts";
import type { PodSandboxConfig } from "../runtime/runtime.ts";
import { initContainers, isHostNetwork, isSidecar, podName, podNamespace, podUid } from "./pod-spec.ts";
import { sysctlName } from "./sysctls.ts";

export interface SandboxFacts {
  readonly attempt: number;
  readonly podLogsDirectory: string;
  readonly kubepods: string;
  readonly clusterDomain: string;
  readonly dns: ResolverConfig;
  /** The kubelet's. */
  readonly rootDirectory: string;
}

export function podLogDirectory(podLogsDirectory: string, pod: Pod): string {
  return `${podLogsDirectory}/${podNamespace(pod)}_${podName(pod)}_${podUid(pod)}`;
}

export function sandboxConfig(pod: Pod, facts: SandboxFacts): PodSandboxConfig {
  const sysctls = (pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [sysctlName(name), value]);
  return {
    metadata: { name: podName(pod), namespace: podNamespace(pod), uid: podUid(pod), attempt: facts.attempt },
    hostname: isHostNetwork(pod) ? "" : kernelHostname(pod, podHostname(pod, facts.clusterDomain)),
    logDirectory: podLogDirectory(facts.podLogsDirectory, pod),
    dns: facts.dns,
    portMappings: portMappings(pod),
    labels: podLabels(pod),
    annotations: pod.metadata.annotations ?? {},
    linux: {
      cgroupParent: podCgroup(facts.kubepods, pod),
      sysctls: Object.fromEntries(sysctls),
      securityContext: sandboxSecurityContext(pod, facts.rootDirectory),
    },
  };
}

function portMappings(pod: Pod): PodSandboxConfig["portMappings"] {
  const containers = [...initContainers(pod).filter(isSidecar), ...pod.spec.containers];
  return containers.flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort = 0 }) => hostPort > 0)
      .map(({ containerPort, hostPort = 0, hostIP = "", protocol = "TCP" }) => ({
        protocol: protocol === "UDP" ? ("UDP" as const) : protocol === "SCTP" ? ("SCTP" as const) : ("TCP" as const),
        containerPort,
        hostPort,
        hostIP,
      })),
  );
}

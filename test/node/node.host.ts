// A containerd of its own for the tests, with the test images, and pods made by hand: what the tests of the node's parts
// stand on, without an API server.
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemEnv } from "../../src/base/index.host.ts";
import { removeNode, stopNode } from "../../src/cluster/clean-up.host.ts";
import { startContainerd } from "../../src/cluster/containerd.host.ts";
import { type ClusterPaths, clusterPaths } from "../../src/cluster/data-folder.ts";
import { importArchive } from "../../src/cluster/images/import.host.ts";
import { installMissing } from "../../src/cluster/install.host.ts";
import { claimMachine, releaseMachine } from "../../src/cluster/machine-claim.host.ts";
import { type CriRuntime, createCriRuntime } from "../../src/kubelet/index.host.ts";
import type { ContainerConfig, PodSandboxConfig } from "../../src/kubelet/runtime/runtime.ts";
import { cniConfig } from "../../src/network/index.ts";
import { buildTestImages } from "../images/build.host.ts";

export interface TestNode {
  readonly paths: ClusterPaths;
  readonly runtime: CriRuntime;
  /** Runs one container in a new pod; gives both IDs and the pod's address. */
  runPod(pod: {
    readonly name: string;
    readonly image: string;
    readonly command?: readonly string[];
    readonly stdin?: boolean;
    readonly tty?: boolean;
  }): Promise<{
    readonly sandboxId: string;
    readonly containerId: string;
    readonly ip: string;
  }>;
  /** Everything that the node made is gone afterwards. */
  dispose(): Promise<void>;
}

/** Another network than a cluster's, so that both fit on one machine one after the other. */
const podNetwork = { networks: [{ podCidr: "10.245.7.0/24", gateway: "10.245.7.1", prefixLength: 24 }], routes: [] };

export async function startTestNode(): Promise<TestNode> {
  await installMissing({ install: true, report: (text) => console.log(text) });
  const folder = mkdtempSync(join(tmpdir(), "kubets-node-"));
  const paths = clusterPaths(join(folder, "data"));
  // The pod network's names are fixed: a running cluster would lose its own.
  await claimMachine(paths);
  const env = createSystemEnv({ logLevel: "error" });
  await mkdir(paths.cniConfig, { recursive: true });
  await writeFile(join(paths.cniConfig, "10-test.conflist"), cniConfig(podNetwork, { stateFolder: paths.cniState }));
  const containerd = await startContainerd(env, paths);
  for (const archive of await buildTestImages(folder)) await importArchive({ socket: containerd.socket }, archive);
  const runtime = createCriRuntime(env, { socket: containerd.socket });
  return {
    paths,
    runtime,
    async runPod({ name, image, command = [], stdin = false, tty = false }) {
      const sandbox = sandboxConfig(name, join(folder, "logs"), paths.cgroup);
      const sandboxId = await runtime.runPodSandbox(sandbox, "");
      const containerId = await runtime.createContainer(sandboxId, containerConfig({ name, image, command, stdin, tty }), sandbox);
      await runtime.startContainer(containerId);
      const { ips } = await runtime.podSandboxStatus(sandboxId);
      return { sandboxId, containerId, ip: ips[0] ?? "" };
    },
    async dispose() {
      runtime.close();
      containerd.close();
      await stopNode(paths);
      await removeNode(paths);
      await releaseMachine(paths);
      await rm(paths.run, { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const security = {
  namespaces: { network: "pod", pid: "container", ipc: "pod" },
  supplementalGroups: [],
  readonlyRootfs: false,
  privileged: false,
  seccomp: { type: "RuntimeDefault" },
} as const;

function sandboxConfig(name: string, logDirectory: string, cgroup: string): PodSandboxConfig {
  return {
    metadata: { name, uid: `uid-${name}`, namespace: "default", attempt: 0 },
    hostname: name,
    logDirectory,
    portMappings: [],
    labels: { "io.kubernetes.pod.uid": `uid-${name}` },
    annotations: {},
    linux: { cgroupParent: `${cgroup}/test`, sysctls: {}, securityContext: security },
  };
}

function containerConfig(options: { name: string; image: string; command: readonly string[]; stdin: boolean; tty: boolean }): ContainerConfig {
  return {
    metadata: { name: "main", attempt: 0 },
    image: options.image,
    userImage: options.image,
    command: options.command,
    args: [],
    workingDir: "",
    envs: [],
    mounts: [],
    labels: { "io.kubernetes.pod.uid": `uid-${options.name}` },
    annotations: {},
    logPath: `${options.name}.log`,
    stdin: options.stdin,
    stdinOnce: false,
    tty: options.tty,
    resources: { cpuPeriod: 0, cpuQuota: 0, cpuShares: 2, memoryLimitBytes: 0, oomScoreAdj: 1000 },
    securityContext: { ...security, capabilities: { add: [], drop: [] }, noNewPrivs: false, maskedPaths: [], readonlyPaths: [] },
  };
}

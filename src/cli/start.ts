// `kubets start`
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { launchDaemon, runningDaemon } from "../cluster/daemon.host.ts";
import type { ClusterPaths } from "../cluster/data-folder.ts";
import { claimMachine } from "../cluster/machine-claim.host.ts";
import { type ClusterOptions, checkNodeNetwork, checkOptions, DEFAULT_OPTIONS, type RuntimeChoice } from "../cluster/options.ts";
import { addUserContext } from "./kubeconfig-file.ts";
import { type PlaceFlags, placeOf } from "./place.ts";
import { createProgress, type Progress, UserError } from "./progress.ts";

export interface StartFlags extends PlaceFlags {
  readonly runtime?: RuntimeChoice;
  readonly install: boolean;
  readonly nodeName?: string;
  readonly nodes?: number;
  readonly nodeIp?: string;
  readonly apiPort?: number;
  readonly etcdPort?: number;
  readonly serviceNodePortRange?: string;
  readonly podNetworkCidr?: string;
  readonly serviceCidr?: string;
  readonly nodeNetworkCidr?: string;
  readonly nodeCidrMaskSizeIpv4?: number;
  readonly nodeCidrMaskSizeIpv6?: number;
  readonly schedulerConfig?: string;
  readonly kubeletConfig?: string;
  readonly podManifestPath?: string;
  readonly maxPods?: number;
  /** As written: `key=value,...`. */
  readonly nodeLabels?: string;
  readonly registerWithTaints?: string;
}

export async function start(flags: StartFlags): Promise<void> {
  const progress = createProgress();
  const paths = placeOf(flags);
  const options = await chooseOptions(paths, flags);
  const pid = await runningDaemon(paths);
  if (pid !== undefined) {
    refuseChanges(paths, flags);
    progress.step(`The cluster is already running (process ${pid}).`);
    await addNodes(paths, options, flags);
  } else {
    for (const notice of await checkSchedulerConfig(options)) progress.step(notice);
    if (options.runtime === "containerd") await prepareMachine(paths, flags, progress);
    await mkdir(paths.data, { recursive: true, mode: 0o711 });
    await writeFile(paths.options, `${JSON.stringify(options, undefined, 2)}\n`, { mode: 0o600 });
    if (flags.nodes !== undefined) await (await import("./node.ts")).makeNodes(paths, options, flags.nodes);
    const problem = await launchDaemon(paths, (text) => progress.step(text));
    if (problem !== "") throw new UserError(`the cluster runs, but not all of its nodes: ${problem}`);
  }
  const { file, context } = await addUserContext(paths);
  progress.step(`Context "${context}" is in ${file} and is the current one.`);
  console.log(`\nThe cluster is ready. Try:\n\n  kubectl get nodes\n  ${nextCommand(options.runtime)}`);
}

/** As many as the running cluster lacks. */
async function addNodes(paths: ClusterPaths, options: ClusterOptions, { nodes }: StartFlags): Promise<void> {
  if (nodes === undefined) return;
  const { makeNodes, startInRunning } = await import("./node.ts");
  await startInRunning(paths, await makeNodes(paths, options, nodes));
}

/** What was asked for now, else at an earlier start, else the defaults. */
async function chooseOptions(paths: ClusterPaths, flags: StartFlags): Promise<ClusterOptions> {
  const earlier: Partial<ClusterOptions> = existsSync(paths.options) ? (JSON.parse(await readFile(paths.options, "utf8")) as ClusterOptions) : {};
  const asked = {
    runtime: flags.runtime,
    nodeName: flags.nodeName,
    nodeIp: flags.nodeIp,
    apiPort: flags.apiPort,
    etcdPort: flags.etcdPort,
    serviceNodePortRange: flags.serviceNodePortRange,
    podCidr: flags.podNetworkCidr,
    serviceCidr: flags.serviceCidr,
    nodeNetworkCidr: flags.nodeNetworkCidr,
    nodeCidrMaskSizeIpv4: flags.nodeCidrMaskSizeIpv4,
    nodeCidrMaskSizeIpv6: flags.nodeCidrMaskSizeIpv6,
    schedulerConfig: flags.schedulerConfig === undefined ? undefined : resolve(flags.schedulerConfig),
    kubeletConfig: flags.kubeletConfig === undefined ? undefined : resolve(flags.kubeletConfig),
    podManifestPath: flags.podManifestPath === undefined ? undefined : resolve(flags.podManifestPath),
    maxPods: flags.maxPods,
    ...(await nodeFlags(flags)),
  };
  // Nodes, pods and services have their names and addresses by then.
  for (const fixed of ["runtime", "nodeName", "podCidr", "serviceCidr", "nodeCidrMaskSizeIpv4", "nodeCidrMaskSizeIpv6"] as const) {
    const before = earlier[fixed];
    if (asked[fixed] !== undefined && before !== undefined && asked[fixed] !== before)
      throw new UserError(`the cluster in ${paths.data} was made with ${fixed} "${before}" and cannot change to "${asked[fixed]}"; "kubets delete" removes it`);
  }
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  const options = { nodeName: hostname().toLowerCase(), ...DEFAULT_OPTIONS, ...earlier, ...given, dataDir: paths.data };
  checkOptions(options);
  checkNodes(flags, options);
  if (options.kubeletConfig !== undefined || options.podManifestPath !== undefined) {
    const { nodeConfiguration } = await import("../cluster/node-configuration.host.ts");
    await nodeConfiguration(paths, options);
  }
  return options;
}

function checkNodes({ nodes, nodeNetworkCidr }: StartFlags, options: ClusterOptions): void {
  if (nodeNetworkCidr !== undefined || (nodes ?? 1) > 1) checkNodeNetwork(options);
  if (nodes === undefined) return;
  if (!Number.isInteger(nodes) || nodes < 1) throw new UserError(`--nodes must be a whole number above 0, not "${nodes}"`);
  if (nodes > 1 && options.runtime === "simulated") throw new UserError("--nodes needs real containers: a cluster with --runtime=simulated has one node");
}

/** Fails before anything is started; returns what the user should know. */
async function checkSchedulerConfig({ schedulerConfig }: ClusterOptions): Promise<readonly string[]> {
  if (schedulerConfig === undefined) return [];
  const { readSchedulerSettings } = await import("../cluster/scheduler-settings.host.ts");
  return (await readSchedulerSettings(schedulerConfig)).notices.map((notice) => `${schedulerConfig}: ${notice}.`);
}

/** What the API says of labels and taints takes a while to load: only who gives some waits. */
async function nodeFlags({ nodeLabels, registerWithTaints }: StartFlags): Promise<Pick<ClusterOptions, "nodeLabels" | "registerWithTaints">> {
  if (nodeLabels === undefined && registerWithTaints === undefined) return {};
  const { parseNodeLabels, parseTaints } = await import("../cluster/node-flags.ts");
  return {
    ...(nodeLabels === undefined ? {} : { nodeLabels: parseNodeLabels(nodeLabels) }),
    ...(registerWithTaints === undefined ? {} : { registerWithTaints: parseTaints(registerWithTaints) }),
  };
}

function refuseChanges(paths: ClusterPaths, flags: StartFlags): void {
  const {
    nodeIp,
    apiPort,
    etcdPort,
    serviceNodePortRange,
    nodeNetworkCidr,
    schedulerConfig,
    kubeletConfig,
    podManifestPath,
    maxPods,
    nodeLabels,
    registerWithTaints,
  } = flags;
  const ofNode = [nodeIp, kubeletConfig, podManifestPath, maxPods, nodeLabels, registerWithTaints];
  const asked = [apiPort, etcdPort, serviceNodePortRange, nodeNetworkCidr, schedulerConfig, ...ofNode].some((value) => value !== undefined);
  if (asked) throw new UserError(`the cluster in ${paths.data} is running; run "kubets stop" first, then start it with the new flags`);
}

async function prepareMachine(paths: ClusterPaths, flags: StartFlags, progress: Progress): Promise<void> {
  const alternative = "a cluster without real containers runs anywhere: kubets start --runtime=simulated";
  if (process.platform !== "linux") throw new UserError(`real containers need Linux, this is ${process.platform}; ${alternative}`);
  if (process.getuid?.() !== 0) throw new UserError(`real containers need root; run it as root, e.g. with sudo. Or ${alternative}`);
  await claimMachine(paths);
  const { installMissing } = await import("../cluster/install.host.ts");
  await installMissing({ install: flags.install, report: (text: string) => progress.step(text) });
}

function nextCommand(runtime: RuntimeChoice): string {
  return runtime === "simulated"
    ? "kubectl create deployment web --image=web:1"
    : "kubectl create deployment web --image=IMAGE   (bring images in with: kubets image load ARCHIVE)";
}

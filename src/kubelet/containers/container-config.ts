// What the runtime has to know to make a container: command, environment, mounts, limits, rights. Everything that has to
// exist on the host before (log directory, termination message file, hosts file, sub paths) is made here too.
import type { Container, EphemeralContainer, VolumeMount } from "../../api/index.ts";
import { ContainerConfigError, containerEnvironment, type EnvironmentContext } from "../environment/container-environment.ts";
import { expand } from "../environment/expansion.ts";
import type { KubeletHost } from "../host.ts";
import { HOSTS_PATH, hostNetworkHostsFile, hostsFile, podHostname } from "../network/hosts-file.ts";
import { isHostNetwork, podUid } from "../pods/pod-spec.ts";
import { newestContainer, type RuntimePod } from "../pods/runtime-pod.ts";
import type { ContainerConfig, ContainerDevice, ContainerMount, RuntimeImage } from "../runtime/runtime.ts";
import { podDirectory } from "../volumes/paths.ts";
import type { MountedVolume } from "../volumes/volume.ts";
import { containerAnnotations, containerLabels } from "./labels.ts";
import { containerResources } from "./resources.ts";
import { containerSecurityContext } from "./security-context.ts";

export interface ContainerConfigContext extends EnvironmentContext {
  readonly host: KubeletHost;
  readonly clusterDomain: string;
  readonly nodeMemoryBytes: number;
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  readonly runtimePod: RuntimePod;
  readonly logDirectory: string;
}

/** Out of memory, all processes of a container are killed, so that none of them goes on without the others. */
const END_TOGETHER = { "memory.oom.group": "1" };

/** Throws `ContainerConfigError` for what the user can mend. */
export async function containerConfig(
  context: ContainerConfigContext,
  container: Container,
  image: RuntimeImage,
  restartCount: number,
): Promise<ContainerConfig> {
  const { pod, host } = context;
  const environment = await containerEnvironment(context, container);
  const lookUp = (name: string): string | undefined => environment.get(name);
  const mounts = await containerMounts(context, container, lookUp);
  const securityContext = containerSecurityContext(pod, container, image, {
    rootDirectory: host.rootDirectory,
    volumeGroups: [...context.volumes.values()].flatMap(({ gid }) => (gid === undefined ? [] : [gid])),
    targetId: targetOf(context, container),
  });
  const terminationMessageFile = await makeTerminationMessageFile(context, container, restartCount);
  if (terminationMessageFile !== "") mounts.push(mount(container.terminationMessagePath ?? "", terminationMessageFile));
  await host.files.makeDirectory(`${context.logDirectory}/${container.name}`, 0o755);
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: image.id,
    userImage: container.image ?? "",
    command: (container.command ?? []).map((text) => expand(text, lookUp)),
    args: (container.args ?? []).map((text) => expand(text, lookUp)),
    workingDir: container.workingDir ?? "",
    envs: [...environment].map(([key, value]) => ({ key, value })),
    mounts,
    devices: containerDevices(context, container),
    labels: containerLabels(pod, container),
    annotations: containerAnnotations(pod, container, restartCount, terminationMessageFile),
    logPath: `${container.name}/${restartCount}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    resources: { ...containerResources(pod, container, context.nodeMemoryBytes), ...(host.cgroups.isUnified ? { unified: END_TOGETHER } : {}) },
    securityContext,
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
  };
}

/** The container whose processes an ephemeral container wants to see. */
function targetOf({ runtimePod }: ContainerConfigContext, container: Container): string | undefined {
  const { targetContainerName } = container as EphemeralContainer;
  if (targetContainerName === undefined || targetContainerName === "") return undefined;
  const target = newestContainer(runtimePod, targetContainerName);
  if (target === undefined) throw new ContainerConfigError(`unable to find target container ${targetContainerName}`);
  return target.id;
}

async function containerMounts(context: ContainerConfigContext, container: Container, lookUp: (name: string) => string | undefined): Promise<ContainerMount[]> {
  const mounts: ContainerMount[] = [];
  for (const [index, volumeMount] of (container.volumeMounts ?? []).entries()) {
    const volume = context.volumes.get(volumeMount.name);
    if (volume === undefined) throw new ContainerConfigError(`cannot find volume "${volumeMount.name}" to mount into container "${container.name}"`);
    if (volumeMount.recursiveReadOnly === "Enabled") {
      throw new ContainerConfigError(`volume "${volumeMount.name}" requested recursive read-only mode, but it is not supported by the runtime`);
    }
    const subPath = subPathOf(volumeMount, lookUp);
    const hostPath = subPath === "" ? volume.path : await prepareSubPath(context, container, volumeMount, volume, subPath, index);
    mounts.push({
      containerPath: absolute(volumeMount.mountPath),
      hostPath,
      readonly: volumeMount.readOnly === true || volume.readOnly,
      propagation:
        volumeMount.mountPropagation === "Bidirectional" ? "bidirectional" : volumeMount.mountPropagation === "HostToContainer" ? "hostToContainer" : "private",
    });
  }
  const hasOwnHosts = (container.volumeMounts ?? []).some(({ mountPath }) => mountPath === HOSTS_PATH);
  if (!hasOwnHosts && (context.podIps.length > 0 || isHostNetwork(context.pod))) mounts.push(mount(HOSTS_PATH, await writeHostsFile(context)));
  return mounts;
}

function containerDevices({ volumes }: ContainerConfigContext, container: Container): ContainerDevice[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name);
    if (volume?.isDevice !== true) throw new ContainerConfigError(`cannot find block device "${name}" for container "${container.name}"`);
    return { containerPath: devicePath, hostPath: volume.path, readonly: volume.readOnly };
  });
}

function subPathOf({ subPath = "", subPathExpr = "" }: VolumeMount, lookUp: (name: string) => string | undefined): string {
  let missing: string | undefined;
  const path =
    subPathExpr === ""
      ? subPath
      : expand(subPathExpr, (name) => {
          const value = lookUp(name);
          if (value === undefined) missing ??= name;
          return value;
        });
  if (missing !== undefined) throw new ContainerConfigError(`missing value for "${missing}"`);
  if (path.startsWith("/")) throw new ContainerConfigError(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split("/").includes("..")) throw new ContainerConfigError(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  return path;
}

async function prepareSubPath(
  { host, pod }: ContainerConfigContext,
  container: Container,
  volumeMount: VolumeMount,
  volume: MountedVolume,
  subPath: string,
  index: number,
): Promise<string> {
  const request = { volumePath: volume.path, subPath };
  const what = `volumeMount "${volumeMount.name}" of container "${container.name}"`;
  // What went wrong in detail would tell a user about the node's files.
  try {
    if ((await host.files.stat(`${volume.path}/${subPath}`)) === undefined) {
      const mode = (await host.files.stat(volume.path))?.mode ?? 0o755;
      await host.mounts.makeSubPath({ ...request, mode });
    }
  } catch {
    throw new ContainerConfigError(`failed to create subPath directory for ${what}`);
  }
  try {
    const target = `${podDirectory(host, podUid(pod))}/volume-subpaths/${volumeMount.name}/${container.name}/${index}`;
    return await host.mounts.bindSubPath({ ...request, target });
  } catch {
    throw new ContainerConfigError(`failed to prepare subPath for ${what}`);
  }
}

/** Rewritten at every start, for the pod's address may have changed. */
async function writeHostsFile({ host, pod, podIps, clusterDomain }: ContainerConfigContext): Promise<string> {
  const aliases = pod.spec.hostAliases ?? [];
  const text = isHostNetwork(pod)
    ? hostNetworkHostsFile(new TextDecoder().decode(await host.hostsFile()), aliases)
    : hostsFile(podIps, podHostname(pod, clusterDomain), aliases);
  const path = `${podDirectory(host, podUid(pod))}/etc-hosts`;
  await host.files.write(path, new TextEncoder().encode(text), 0o644);
  return path;
}

/** One per start of the container, so that an old message is never taken for a new one. Any user must be able to write it. */
async function makeTerminationMessageFile({ host, pod }: ContainerConfigContext, container: Container, restartCount: number): Promise<string> {
  if ((container.terminationMessagePath ?? "") === "") return "";
  const directory = `${podDirectory(host, podUid(pod))}/containers/${container.name}`;
  await host.files.makeDirectory(directory, 0o750);
  const path = `${directory}/${restartCount}`;
  await host.files.write(path, new Uint8Array(), 0o666);
  return path;
}

function mount(containerPath: string, hostPath: string): ContainerMount {
  return { containerPath: absolute(containerPath), hostPath, readonly: false, propagation: "private" };
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

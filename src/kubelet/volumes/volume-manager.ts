// Brings a pod's volumes up before its containers, keeps them current, and takes everything away after the pod. What is
// mounted below a pod's directory is found by looking at the mounts, so that a restart forgets nothing.
import type { Pod } from "../../api/index.ts";
import type { Env, Logger } from "../../base/index.ts";
import type { ReferencedObjects } from "../environment/container-environment.ts";
import type { DownwardContext } from "../environment/downward-api.ts";
import type { KubeletHost } from "../host.ts";
import type { PodEvents } from "../pod-events.ts";
import { podUid } from "../pods/pod-spec.ts";
import { memoryDirectory, podDirectory, podMemoryDirectory, podsDirectory, volumeDirectory } from "./paths.ts";
import { type ImageViews, type MountedVolume, type ServiceAccountTokens, type VolumeContext, VolumeError, type VolumeSpec } from "./volume.ts";
import { volumeTypeOf, volumeTypes } from "./volume-types.ts";

export interface VolumeManager {
  /** Sets up what is not set up yet. Throws `VolumeError` after an event FailedMount. */
  setUp(pod: Pod, downward: DownwardContext): Promise<ReadonlyMap<string, MountedVolume>>;
  /** Brings the volumes that follow their source up to date; what fails is reported and left as it was. */
  refresh(pod: Pod, downward: DownwardContext): Promise<void>;
  /** The earliest time at which a volume of the pod has to be refreshed. */
  refreshAtMs(uid: string): number | undefined;
  /** Unmounts everything and removes the volumes; what containers left as their last words stays. */
  tearDown(uid: string): Promise<void>;
  /** After that: removes the rest of the pod's directory. */
  removePod(uid: string): Promise<void>;
  /** Pods that have a directory. */
  podsOnDisk(): Promise<readonly string[]>;
}

export interface VolumeManagerParts {
  readonly host: KubeletHost;
  readonly objects: ReferencedObjects;
  readonly tokens: ServiceAccountTokens;
  readonly events: PodEvents;
  readonly images: ImageViews;
}

export function createVolumeManager(env: Env, parts: VolumeManagerParts): VolumeManager {
  return new HostVolumeManager(env, parts);
}

class HostVolumeManager implements VolumeManager {
  private readonly mounted = new Map<string, Map<string, MountedVolume>>();
  private readonly log: Logger;
  private memory: Promise<void> | undefined;

  constructor(
    private readonly env: Env,
    private readonly parts: VolumeManagerParts,
  ) {
    this.log = env.log.child("volumes");
  }

  async setUp(pod: Pod, downward: DownwardContext): Promise<ReadonlyMap<string, MountedVolume>> {
    const uid = podUid(pod);
    let known = this.mounted.get(uid);
    if (known === undefined) {
      await this.parts.host.files.makeDirectory(podDirectory(this.parts.host, uid), 0o750);
      known = new Map();
      this.mounted.set(uid, known);
    }
    let failure: unknown;
    for (const spec of pod.spec.volumes ?? []) {
      if (known.has(spec.name)) continue;
      try {
        known.set(spec.name, await this.setUpOne(pod, spec, downward));
      } catch (error) {
        failure ??= error;
        this.parts.events.pod(pod, "Warning", "FailedMount", failureMessage(spec, error));
      }
    }
    if (failure !== undefined) throw failure;
    return known;
  }

  async refresh(pod: Pod, downward: DownwardContext): Promise<void> {
    const known = this.mounted.get(podUid(pod));
    if (known === undefined) return;
    for (const spec of pod.spec.volumes ?? []) {
      if (!known.has(spec.name) || volumeTypeOf(spec)?.followsSource !== true) continue;
      try {
        known.set(spec.name, await this.setUpOne(pod, spec, downward));
      } catch (error) {
        this.log.warn("cannot bring a volume up to date", { pod: pod.metadata.name, namespace: pod.metadata.namespace, volume: spec.name, error });
        this.parts.events.pod(pod, "Warning", "FailedMount", failureMessage(spec, error));
      }
    }
  }

  refreshAtMs(uid: string): number | undefined {
    const times = [...(this.mounted.get(uid)?.values() ?? [])].flatMap(({ refreshAtMs }) => (refreshAtMs === undefined ? [] : [refreshAtMs]));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async tearDown(uid: string): Promise<void> {
    const { host } = this.parts;
    const directory = podDirectory(host, uid);
    await this.tearDownTypes(`${directory}/volumes`);
    for (const at of await host.mounts.mountPoints(directory)) await host.mounts.unmount(at);
    await host.files.remove(`${directory}/volumes`);
    await host.files.remove(`${directory}/volume-subpaths`);
    await host.files.remove(podMemoryDirectory(host, uid));
    this.mounted.delete(uid);
  }

  async removePod(uid: string): Promise<void> {
    await this.parts.host.files.remove(podDirectory(this.parts.host, uid));
  }

  async podsOnDisk(): Promise<readonly string[]> {
    return this.parts.host.files.list(podsDirectory(this.parts.host));
  }

  private async tearDownTypes(volumes: string): Promise<void> {
    const { host, images } = this.parts;
    for (const type of volumeTypes.filter(({ tearDown }) => tearDown !== undefined)) {
      const parent = `${volumes}/kubernetes.io~${type.directory}`;
      for (const name of await host.files.list(parent)) await type.tearDown?.({ host, images, directory: `${parent}/${name}` });
    }
  }

  private async setUpOne(pod: Pod, spec: VolumeSpec, downward: DownwardContext): Promise<MountedVolume> {
    const type = volumeTypeOf(spec);
    const { host, objects, tokens, images } = this.parts;
    if (type === undefined) {
      const asked = Object.keys(spec).filter((field) => field !== "name");
      throw new VolumeError(`no volume plugin matched: volumes of type ${asked.join(", ")} are not supported`);
    }
    const directory = volumeDirectory(host, podUid(pod), type.directory, spec.name);
    const inMemory = async (): Promise<string> => {
      await this.prepareMemory();
      return `${podMemoryDirectory(host, podUid(pod))}/kubernetes.io~${type.directory}/${spec.name}`;
    };
    const context: VolumeContext = { env: this.env, host, pod, spec, directory, memoryDirectory: inMemory, objects, tokens, images, downward };
    return type.setUp(context);
  }

  private async prepareMemory(): Promise<void> {
    this.memory ??= this.mountMemory();
    try {
      await this.memory;
    } catch (error) {
      this.memory = undefined;
      throw error;
    }
  }

  private async mountMemory(): Promise<void> {
    const { host } = this.parts;
    await host.files.makeDirectory(memoryDirectory(host), 0o750);
    await host.mounts.mountTmpfs(memoryDirectory(host), { mode: 0o750 });
  }
}

function failureMessage({ name }: VolumeSpec, error: unknown): string {
  const volume = (error instanceof VolumeError ? error.volumeName : undefined) ?? name;
  return `MountVolume.SetUp failed for volume "${volume}" : ${error instanceof Error ? error.message : String(error)}`;
}

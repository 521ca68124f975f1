// Removes images that nobody uses: the longest unused first when the disk is filling, or whatever is older than a limit
// (https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-lifecycle).
//
// Invariants: an image is never removed while a container or a pod of this node uses it, while it is pinned, or before it has
// been here for the minimum age (as far as this kubelet has seen it).
import type { Pod } from "../../api/index.ts";
import type { Env, Logger } from "../../base/index.ts";
import type { ImageGcSettings } from "../configuration/kubelet-settings.ts";
import type { KubeletHost } from "../host.ts";
import { allContainers } from "../pods/pod-spec.ts";
import type { ContainerRuntime, RuntimeImage } from "../runtime/runtime.ts";
import { canonicalImageName } from "./image-name.ts";

export interface ImageGarbage {
  /** Notes what is there and removes what is too much. */
  collect(): Promise<void>;
  /** Removes all that may be removed. */
  removeUnused(): Promise<void>;
}

export interface ImageGarbageParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly settings: ImageGcSettings;
  /** Pods whose containers run or may be started again. */
  readonly pods: () => readonly Pod[];
  /** Names of images that must stay, whoever uses them. */
  readonly pinned: () => Promise<readonly string[]>;
  readonly tellNode: (type: "Normal" | "Warning", reason: string, message: string) => void;
}

interface ImageRecord {
  readonly firstSeenMs: number;
  lastUsedMs: number;
}

export interface ImageAge {
  readonly id: string;
  readonly sizeBytes: number;
  readonly firstSeenMs: number;
  /** `-Infinity`: not since this kubelet has run. */
  readonly lastUsedMs: number;
}

export function createImageGarbage(env: Env, parts: ImageGarbageParts): ImageGarbage {
  return new ImageCollector(env, parts);
}

/** Which of the unused images to remove for so many bytes, the longest unused first. Pure. */
export function imagesToRemove(unused: readonly ImageAge[], bytesToFree: number, minimumAgeMs: number, nowMs: number): ImageAge[] {
  const order = [...unused].sort((a, b) => (a.lastUsedMs === b.lastUsedMs ? a.firstSeenMs - b.firstSeenMs : a.lastUsedMs - b.lastUsedMs));
  const chosen: ImageAge[] = [];
  let freed = 0;
  for (const image of order) {
    if (freed >= bytesToFree) break;
    if (nowMs - image.firstSeenMs < minimumAgeMs) continue;
    chosen.push(image);
    freed += image.sizeBytes;
  }
  return chosen;
}

class ImageCollector implements ImageGarbage {
  private readonly records = new Map<string, ImageRecord>();
  private readonly startedMs: number;
  private readonly log: Logger;

  constructor(
    private readonly env: Env,
    private readonly parts: ImageGarbageParts,
  ) {
    this.log = env.log.child("image-garbage");
    this.startedMs = env.clock.monotonic();
  }

  async collect(): Promise<void> {
    const { host, runtime, settings, tellNode } = this.parts;
    const unused = await this.removeAged(await this.findUnused());
    const { capacityBytes, availableBytes } = await host.filesystemUsage(await runtime.imageDirectory());
    if (capacityBytes === 0) {
      tellNode("Warning", "InvalidDiskCapacity", "invalid capacity 0 on image filesystem");
      return;
    }
    const usedPercent = 100 - Math.floor((Math.min(availableBytes, capacityBytes) * 100) / capacityBytes);
    if (usedPercent < settings.highPercent) return;
    const bytesToFree = Math.floor((capacityBytes * (100 - settings.lowPercent)) / 100) - availableBytes;
    this.log.info("the disk with the images is filling", { usedPercent, bytesToFree });
    const freed = await this.free(unused, bytesToFree);
    if (freed >= bytesToFree) return;
    const what = `Insufficient free disk space on the node's image filesystem (${usedPercent}% of ${sizeText(capacityBytes)} used).`;
    const done = `Failed to free sufficient space by deleting unused images (freed ${freed} bytes).`;
    tellNode("Warning", "FreeDiskSpaceFailed", `${what} ${done} Investigate disk usage, as it could be used by active images, logs, volumes, or other data.`);
  }

  async removeUnused(): Promise<void> {
    await this.free(await this.findUnused(), Infinity);
  }

  private async removeAged(unused: readonly ImageAge[]): Promise<readonly ImageAge[]> {
    const { maximumAgeMs } = this.parts.settings;
    const nowMs = this.env.clock.monotonic();
    // Until then nobody can say how long an image has been unused.
    if (maximumAgeMs === 0 || nowMs - this.startedMs <= maximumAgeMs) return unused;
    const isOld = ({ lastUsedMs, firstSeenMs }: ImageAge): boolean => nowMs - Math.max(lastUsedMs, firstSeenMs) > maximumAgeMs;
    for (const image of unused.filter(isOld)) await this.remove(image);
    return unused.filter((image) => !isOld(image));
  }

  private async free(unused: readonly ImageAge[], bytesToFree: number): Promise<number> {
    let freed = 0;
    for (const image of imagesToRemove(unused, bytesToFree, this.parts.settings.minimumAgeMs, this.env.clock.monotonic())) {
      if (await this.remove(image)) freed += image.sizeBytes;
    }
    return freed;
  }

  private async remove({ id, sizeBytes }: ImageAge): Promise<boolean> {
    try {
      await this.parts.runtime.removeImage(id);
      this.records.delete(id);
      this.log.info("removed an unused image", { id, sizeBytes });
      return true;
    } catch (error) {
      this.log.warn("cannot remove an unused image", { id, error });
      return false;
    }
  }

  /** Brings the records up to date. */
  private async findUnused(): Promise<ImageAge[]> {
    const { runtime } = this.parts;
    const [images, containers, pinned] = await Promise.all([runtime.listImages(), runtime.listContainers(), this.parts.pinned()]);
    const used = new Set([...containers.flatMap(({ image, imageRef }) => [image, imageRef]), ...this.parts.pods().flatMap(imagesOf)]);
    const kept = new Set(pinned);
    const nowMs = this.env.clock.monotonic();
    const unused: ImageAge[] = [];
    for (const image of images) {
      const record = this.records.get(image.id) ?? { firstSeenMs: nowMs, lastUsedMs: Number.NEGATIVE_INFINITY };
      this.records.set(image.id, record);
      const names = namesOf(image);
      if (names.some((name) => used.has(name))) record.lastUsedMs = nowMs;
      else if (!image.pinned && !names.some((name) => kept.has(name))) unused.push({ id: image.id, sizeBytes: image.sizeBytes, ...record });
    }
    const present = new Set(images.map(({ id }) => id));
    for (const id of this.records.keys()) if (!present.has(id)) this.records.delete(id);
    return unused;
  }
}

function namesOf({ id, repoTags, repoDigests }: RuntimeImage): readonly string[] {
  return [id, ...repoTags, ...repoDigests];
}

/** As containers and image volumes name them. */
function imagesOf(pod: Pod): string[] {
  const asked = [...allContainers(pod).map(({ image }) => image), ...(pod.spec.volumes ?? []).map(({ image }) => image?.reference)];
  return asked.flatMap((name) => (name === undefined || name === "" ? [] : [name, canonicalImageName(name)]));
}

function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

// A type of volume: how it is made ready for a pod, again and again (at start, after a restart of the kubelet, when its
// source changed). `setUp` must be idempotent. Whatever it mounts or writes lies below the volume's own directory: the volume
// manager unmounts and removes all that with the pod, after a restart too; `tearDown` is for what a type has to do before.
import type { Pod, PodSpec } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { ReferencedObjects } from "../environment/container-environment.ts";
import type { DownwardContext } from "../environment/downward-api.ts";
import type { KubeletHost } from "../host.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";

/** A volume of a pod's spec, as the API has it. */
export type VolumeSpec = NonNullable<PodSpec["volumes"]>[number];

/** A volume ready to be mounted into containers. */
export interface MountedVolume {
  /** On the host. */
  readonly path: string;
  /** Containers must not write it, whatever they ask for. */
  readonly readOnly: boolean;
  /** A group whose members may use the volume: every container of the pod is one. */
  readonly gid?: number;
  /** A block device for `volumeDevices`, not a file system. */
  readonly isDevice?: boolean;
  /** It has to be set up again by then, in wall clock time. */
  readonly refreshAtMs?: number;
}

/** Tokens of the pod's service account. */
export interface ServiceAccountTokens {
  /** At least valid for a while; the same request gives the same token until it should be renewed. */
  token(
    pod: Pod,
    request: { readonly audience: string; readonly expirationSeconds: number },
  ): Promise<{ readonly token: string; readonly refreshAtMs: number }>;
}

export interface VolumeContext {
  readonly env: Env;
  readonly host: KubeletHost;
  readonly pod: Pod;
  readonly spec: VolumeSpec;
  /** The volume's own directory on the host; not made yet. */
  readonly directory: string;
  /** The same in memory, for what must never be on disk; its parents are made when it is asked for. */
  readonly memoryDirectory: () => Promise<string>;
  readonly objects: ReferencedObjects;
  readonly tokens: ServiceAccountTokens;
  readonly downward: DownwardContext;
  readonly images: ImageViews;
}

/** The files of images, as the runtime has them. */
export type ImageViews = Pick<ContainerRuntime, "imageView" | "releaseImageView">;

/** The volume can't be set up now; users read the message in an event FailedMount. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
  constructor(
    message: string,
    /** What users know the volume by, where it is not the name in the pod's spec. */
    readonly volumeName?: string,
  ) {
    super(message);
  }
}

export interface VolumeType {
  /** The field of a volume's spec: `emptyDir`. */
  readonly name: string;
  readonly setUp: (context: VolumeContext) => Promise<MountedVolume>;
  readonly tearDown?: (context: Pick<VolumeContext, "host" | "directory" | "images">) => Promise<void>;
  /** Its name in paths, as every kubelet has it. */
  readonly directory: string;
  /** Set up again whenever the pod or an object it refers to changed. */
  readonly followsSource: boolean;
}

/** Declares a type of volume. `setUp` gets the part of the spec that belongs to the type. */
export function volume<Name extends keyof VolumeSpec & string>(
  name: Name,
  parts: {
    readonly setUp: (source: NonNullable<VolumeSpec[Name]>, context: VolumeContext) => Promise<MountedVolume>;
    readonly tearDown?: VolumeType["tearDown"];
    readonly followsSource?: boolean;
    /** Where it differs from the type's name. */
    readonly directory?: string;
  },
): VolumeType {
  return {
    name,
    followsSource: parts.followsSource ?? false,
    directory: parts.directory ?? name,
    ...(parts.tearDown === undefined ? {} : { tearDown: parts.tearDown }),
    setUp: (context) => {
      const source = context.spec[name];
      if (source === undefined || source === null) throw new VolumeError(`volume ${context.spec.name} is no ${name}`);
      return parts.setUp(source as NonNullable<VolumeSpec[Name]>, context);
    },
  };
}

// All types of volumes that this kubelet knows. A volume of another type keeps its pod from starting, with an event that says so.
import { configMap } from "./config-map.ts";
import { downwardApi } from "./downward-api.ts";
import { emptyDir } from "./empty-dir.ts";
import { hostPath } from "./host-path.ts";
import { image } from "./image.ts";
import { ephemeral, persistentVolumeClaim } from "./persistent-volume.ts";
import { projected } from "./projected.ts";
import { secret } from "./secret.ts";
import type { VolumeSpec, VolumeType } from "./volume.ts";

export const volumeTypes: readonly VolumeType[] = [configMap, downwardApi, emptyDir, hostPath, image, projected, secret, persistentVolumeClaim, ephemeral];

/** Undefined: none that we know. */
export function volumeTypeOf(spec: VolumeSpec): VolumeType | undefined {
  return volumeTypes.find(({ name }) => name in spec && spec[name as keyof VolumeSpec] !== undefined);
}

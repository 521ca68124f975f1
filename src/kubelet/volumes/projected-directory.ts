// What ConfigMap, Secret, downward API and projected volumes have in common: files written atomically, read-only for
// containers, given to the pod's group.

import { writeAtomically } from "./atomic-writer.ts";
import { giveToGroup } from "./ownership.ts";
import type { Files } from "./projections.ts";
import type { MountedVolume, VolumeContext } from "./volume.ts";

export async function projectFiles({ env, host, pod }: VolumeContext, directory: string, files: Files, refreshAtMs?: number): Promise<MountedVolume> {
  const { fsGroup } = pod.spec.securityContext ?? {};
  await host.files.makeDirectory(directory, 0o777);
  if (fsGroup !== undefined) {
    await host.files.changeOwner(directory, -1, fsGroup);
    await host.files.changeMode(directory, 0o2777);
  }
  await writeAtomically(env, host.files, directory, files, async (path) => {
    if (fsGroup !== undefined) await giveToGroup(host, path, { fsGroup, readOnly: true });
  });
  return { path: directory, readOnly: true, ...(refreshAtMs === undefined ? {} : { refreshAtMs }) };
}

// Directories of this node that the cluster's provisioner hands out as volumes. They belong to volumes, not to pods: they are made and
// removed when the control plane asks for it, through the kubelet's API (docs/decisions/0008-node-directories-as-volumes.md).
//
// Invariant: nothing but what lies right below the root is ever made or removed.
import type { HostFiles } from "../host.ts";
import { KubeletApiError } from "../kubelet-api.ts";

export interface VolumeDirectories {
  /** Its path. The same name gives the same directory, with what is in it. */
  make(name: string): Promise<string>;
  /** With all its content; nothing happens when it is not there. */
  remove(name: string): Promise<void>;
}

/** Every user's pods write to theirs. */
const MODE = 0o777;
/** Pods come to their volumes by mounts; the machine's other users do not come to them at all. */
const ROOT_MODE = 0o700;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/** Without a root the node has no room for volumes, and says so. */
export function createVolumeDirectories(files: HostFiles, root: string | undefined): VolumeDirectories {
  const pathIn = (name: string): { readonly parent: string; readonly path: string } => {
    if (root === undefined) throw new KubeletApiError(503, "this node hands out no directories as volumes");
    if (!NAME.test(name)) throw new KubeletApiError(400, `${JSON.stringify(name)} is no name for a volume's directory`);
    return { parent: root, path: `${root}/${name}` };
  };
  return {
    make: async (name) => {
      const { parent, path } = pathIn(name);
      await files.makeDirectory(parent, ROOT_MODE);
      await files.makeDirectory(path, MODE);
      return path;
    },
    remove: async (name) => files.remove(pathIn(name).path),
  };
}

// The part of VolumeBinding that writes: what was promised to a pod is asked for at the API, and waited for until the binder and the
// provisioners have done their part, or one of them gave up.
import {
  annotations,
  isClaimBound,
  isReachableFrom,
  type Node,
  objectKey,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  persistentVolumes,
} from "../../api/index.ts";
import type { BindContext } from "../plugin.ts";
import type { StorageState, VolumePromise } from "../storage-state.ts";

/** Resolves when every claim is bound. Rejects when the pod has to be scheduled anew. */
export async function bindVolumes(promise: VolumePromise, node: Node, context: BindContext, limitMs: number): Promise<void> {
  const written = await write(promise, context);
  try {
    await until(() => isDone(written, node, context.cluster.storage), context, limitMs);
  } catch (error) {
    throw new Error(`binding volumes: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function write({ bindings, provisions }: VolumePromise, { client }: BindContext): Promise<VolumePromise> {
  const volumes = [];
  for (const { volume, claim } of bindings) volumes.push({ volume: await client.update(persistentVolumes, volume), claim });
  const claims = [];
  for (const claim of provisions) claims.push(await client.update(persistentVolumeClaims, claim));
  return { bindings: volumes, provisions: claims };
}

/** False: not yet. Throws when it will not be. */
function isDone({ bindings, provisions }: VolumePromise, node: Node, storage: StorageState): boolean {
  const volumesDone = bindings.map(({ volume, claim }) => {
    const { name, resourceVersion } = volume.metadata;
    const seen = storage.volumes.confirmed(name);
    if (seen === undefined) throw new Error(`failed to check binding: persistentvolume "${name}" not found`);
    if (isOlder(seen.metadata.resourceVersion, resourceVersion)) return false;
    if (!isReachableFrom(seen, node)) throw new Error(`pv "${name}" node affinity doesn't match node "${node.metadata.name}"`);
    if ((seen.spec.claimRef?.uid ?? "") === "") throw new Error(`ClaimRef got reset for pv "${name}"`);
    const current = storage.claims.confirmed(objectKey(claim));
    if (current === undefined) throw new Error(`failed to check binding: persistentvolumeclaim "${claim.metadata.name}" not found`);
    return isReady(current);
  });
  const claimsDone = provisions.map(({ metadata: { namespace, name, resourceVersion } }) => {
    const seen = storage.claims.confirmed(`${namespace}/${name}`);
    if (seen === undefined) throw new Error(`failed to check provisioning pvc: persistentvolumeclaim "${name}" not found`);
    if (isOlder(seen.metadata.resourceVersion, resourceVersion)) return false;
    // Who fails to provision takes the node back, and so asks for another decision.
    if (seen.metadata.annotations?.[annotations.selectedNode] !== node.metadata.name) throw new Error(`provisioning failed for PVC "${name}"`);
    const volume = storage.volumes.confirmed(seen.spec.volumeName ?? "");
    if (volume !== undefined && !isReachableFrom(volume, node)) {
      throw new Error(`pv "${volume.metadata.name}" node affinity doesn't match node "${node.metadata.name}"`);
    }
    return isReady(seen);
  });
  return [...volumesDone, ...claimsDone].every(Boolean);
}

/** The binder's last word is the phase, and kubelets wait for it too. */
function isReady(claim: PersistentVolumeClaim): boolean {
  return isClaimBound(claim) && claim.status?.phase === "Bound";
}

function isOlder(seen: string | undefined, written: string | undefined): boolean {
  return BigInt(seen ?? "0") < BigInt(written ?? "0");
}

/** Looks after every change of a claim or volume. */
function until(done: () => boolean, { env, cluster, signal }: BindContext, limitMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error?: unknown): void => {
      unwatch();
      timer.cancel();
      signal.removeEventListener("abort", aborted);
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error(String(error)));
    };
    const aborted = (): void => end(new Error("pod does not exist any more"));
    const look = (): void => {
      try {
        if (signal.aborted) aborted();
        else if (done()) end();
      } catch (error) {
        end(error);
      }
    };
    const unwatch = cluster.storage.watch(look);
    const timer = env.clock.setTimeout(() => end(new Error("context deadline exceeded")), limitMs);
    signal.addEventListener("abort", aborted);
    look();
  });
}

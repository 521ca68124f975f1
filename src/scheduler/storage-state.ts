// The scheduler's view of volumes: claims, volumes, classes and what CSI drivers tell of themselves, with what was promised to
// pods whose binding is under way laid over it.
//
// Invariant: an assumed object stands for the API's until that one changes or the assumption is taken back, so that two pods are
// never promised the same volume and pods that share a claim agree on its node.
import {
  type CSIDriver,
  type CSINode,
  type CSIStorageCapacity,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  type Kind,
  type KubeObject,
  objectKey,
  type PersistentVolume,
  type PersistentVolumeClaim,
  persistentVolumeClaims,
  persistentVolumes,
  type StorageClass,
  storageClasses,
  type VolumeAttachment,
  volumeAttachments,
} from "../api/index.ts";
import type { InformerFactory } from "../client/index.ts";
import type { StorageEvent } from "./plugin.ts";

/** Objects of a kind by key. */
export class ObjectTable<T extends KubeObject> {
  private readonly objects = new Map<string, T>();

  get(key: string): T | undefined {
    return this.objects.get(key);
  }
  list(): readonly T[] {
    return [...this.objects.values()];
  }
  set(object: T): void {
    this.objects.set(objectKey(object), object);
  }
  remove(object: T): void {
    this.objects.delete(objectKey(object));
  }
}

/** The same with assumptions laid over it. */
export class AssumedTable<T extends KubeObject> extends ObjectTable<T> {
  private readonly assumed = new Map<string, T>();

  override get(key: string): T | undefined {
    return this.assumed.get(key) ?? super.get(key);
  }
  override list(): readonly T[] {
    return super.list().map((object) => this.assumed.get(objectKey(object)) ?? object);
  }
  override set(object: T): void {
    this.assumed.delete(objectKey(object));
    super.set(object);
  }
  override remove(object: T): void {
    this.assumed.delete(objectKey(object));
    super.remove(object);
  }

  /** As the API tells it. */
  confirmed(key: string): T | undefined {
    return super.get(key);
  }
  assume(object: T): void {
    this.assumed.set(objectKey(object), object);
  }
  /** Takes back this very assumption, not a later one. */
  forget(object: T): void {
    const key = objectKey(object);
    if (this.assumed.get(key) === object) this.assumed.delete(key);
  }
}

/** What a pod whose binding is under way gets: volumes for its claims, and claims with the node to provision them on. */
export interface VolumePromise {
  readonly bindings: readonly { readonly volume: PersistentVolume; readonly claim: PersistentVolumeClaim }[];
  readonly provisions: readonly PersistentVolumeClaim[];
}

export class StorageState {
  readonly claims = new AssumedTable<PersistentVolumeClaim>();
  readonly volumes = new AssumedTable<PersistentVolume>();
  readonly classes = new ObjectTable<StorageClass>();
  readonly csiNodes = new ObjectTable<CSINode>();
  readonly csiDrivers = new ObjectTable<CSIDriver>();
  readonly capacities = new ObjectTable<CSIStorageCapacity>();
  readonly attachments = new ObjectTable<VolumeAttachment>();
  /** By the pod's UID. */
  readonly promises = new Map<string, VolumePromise>();
  private readonly watchers = new Set<() => void>();

  /** Calls back after every change of a claim or a volume, until what is returned is called. */
  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  }

  /** A claim or a volume has changed. */
  changed(): void {
    for (const watcher of [...this.watchers]) watcher();
  }
}

export interface StorageFollower {
  synced(): Promise<void>;
  readonly stop: () => void;
}

/** Keeps the state up to date with the API, and tells what may help waiting pods. */
export function followStorage(informers: InformerFactory, state: StorageState, happened: (event: StorageEvent) => void): StorageFollower {
  const removers: (() => void)[] = [];
  const synced: (() => Promise<void>)[] = [];
  const follow = <T extends KubeObject>(
    kind: Kind<T>,
    table: ObjectTable<T>,
    changed: (object: T, old: T | undefined) => void,
    gone?: (object: T) => void,
  ): void => {
    const informer = informers.informer(kind);
    const set = (object: T, old: T | undefined): void => {
      table.set(object);
      changed(object, old);
    };
    const deleted = (object: T): void => {
      table.remove(object);
      gone?.(object);
    };
    removers.push(informer.addHandler({ added: (object) => set(object, undefined), updated: set, deleted }));
    synced.push(() => informer.synced());
  };
  const tell = (event: StorageEvent): void => {
    state.changed();
    happened(event);
  };
  const gone = (): void => state.changed();
  follow(persistentVolumeClaims, state.claims, (object, old) => tell({ type: "claimChanged", object, ...before(old) }), gone);
  follow(persistentVolumes, state.volumes, (object, old) => tell({ type: "volumeChanged", object, ...before(old) }), gone);
  follow(storageClasses, state.classes, (object, old) => happened({ type: "storageClassChanged", object, ...before(old) }));
  follow(csiNodes, state.csiNodes, (object, old) => happened({ type: "csiNodeChanged", object, ...before(old) }));
  follow(csiDrivers, state.csiDrivers, (object, old) => happened({ type: "csiDriverChanged", object, ...before(old) }));
  follow(csiStorageCapacities, state.capacities, (object, old) => happened({ type: "storageCapacityChanged", object, ...before(old) }));
  // A new attachment helps nobody.
  follow(
    volumeAttachments,
    state.attachments,
    () => undefined,
    (object) => happened({ type: "volumeAttachmentRemoved", object }),
  );
  return {
    synced: async () => {
      await Promise.all(synced.map((wait) => wait()));
    },
    stop: () => {
      for (const remove of removers) remove();
    },
  };
}

function before<T>(old: T | undefined): { readonly old?: T } {
  return old === undefined ? {} : { old };
}

// The ConfigMaps and Secrets that the node's pods refer to, each followed by a watch of its own while a pod needs it: a node
// may read only what its pods refer to (https://kubernetes.io/docs/reference/access-authn-authz/node/).
import {
  type ConfigMap,
  configMaps,
  isStatus,
  type Kind,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  persistentVolumes,
  type Secret,
  secrets,
} from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { type Client, createInformer, type Informer, type ObjectName } from "../../client/index.ts";
import { allContainers, podNamespace, podUid } from "../pods/pod-spec.ts";
import type { ReferencedObjects } from "./container-environment.ts";

export interface ObjectCache extends ReferencedObjects {
  /** Follows what the pod refers to now, and nothing that it referred to before. */
  follow(pod: Pod): void;
  release(uid: string): void;
  stop(): void;
}

interface Entry {
  readonly informer: Informer<KubeObject>;
  readonly pods: Set<string>;
  /** Revision of the last answer that was given, "" when the object was not there. Undefined: nobody has asked. */
  answer: Promise<string> | undefined;
}

/** `changed` gets the UIDs of the pods that refer to an object that changed. */
export function createObjectCache(env: Env, client: Client, changed: (uids: readonly string[]) => void): ObjectCache {
  return new WatchingCache(env, client, changed);
}

class WatchingCache implements ObjectCache {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly env: Env,
    private readonly client: Client,
    private readonly changed: (uids: readonly string[]) => void,
  ) {}

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.get(configMaps, namespace, name);
  }
  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.get(secrets, namespace, name);
  }
  /** Claims and volumes are looked at when a pod starts, and not followed. */
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined> {
    return this.read(persistentVolumeClaims, { namespace, name });
  }
  persistentVolume(name: string): Promise<PersistentVolume | undefined> {
    return this.read(persistentVolumes, { name });
  }

  follow(pod: Pod): void {
    const uid = podUid(pod);
    const namespace = podNamespace(pod);
    const wanted = new Map<string, { kind: Kind; name: string }>();
    const { configMapNames, secretNames } = referencesOf(pod);
    for (const name of configMapNames) wanted.set(keyOf(configMaps as unknown as Kind, namespace, name), { kind: configMaps as unknown as Kind, name });
    for (const name of secretNames) wanted.set(keyOf(secrets as unknown as Kind, namespace, name), { kind: secrets as unknown as Kind, name });
    for (const [key, { kind, name }] of wanted) this.entry(key, kind, namespace, name).pods.add(uid);
    for (const key of [...this.entries.keys()]) if (!wanted.has(key)) this.drop(key, uid);
  }
  release(uid: string): void {
    for (const key of [...this.entries.keys()]) this.drop(key, uid);
  }
  stop(): void {
    for (const { informer } of this.entries.values()) informer.stop();
    this.entries.clear();
  }

  private async get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): Promise<T | undefined> {
    const entry = this.entries.get(keyOf(kind as unknown as Kind, namespace, name));
    const isFollowed = entry?.informer.hasSynced() === true;
    const found = isFollowed ? Promise.resolve(entry.informer.get(`${namespace}/${name}`) as T | undefined) : this.read(kind, { namespace, name });
    // Who was told of an error asks again by itself.
    if (entry !== undefined) {
      entry.answer = found.then(
        (object) => object?.metadata.resourceVersion ?? "",
        () => "",
      );
    }
    return found;
  }

  private async read<T extends KubeObject>(kind: Kind<T>, of: ObjectName): Promise<T | undefined> {
    try {
      return await this.client.get(kind, of);
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  private entry(key: string, kind: Kind, namespace: string, name: string): Entry {
    const known = this.entries.get(key);
    if (known !== undefined) return known;
    const informer = createInformer(this.env, this.client, kind, { namespace, fieldSelector: `metadata.name=${name}` });
    const entry: Entry = { informer, pods: new Set(), answer: undefined };
    const tell = (): void => this.changed([...entry.pods]);
    informer.addHandler({
      // The first read is often still under way, and gives the same.
      added: (object) => {
        void entry.answer?.then((revision) => {
          if (object.metadata.resourceVersion !== revision) tell();
        });
      },
      updated: tell,
      deleted: tell,
    });
    this.entries.set(key, entry);
    informer.start();
    return entry;
  }

  private drop(key: string, uid: string): void {
    const entry = this.entries.get(key);
    if (entry === undefined || !entry.pods.delete(uid) || entry.pods.size > 0) return;
    entry.informer.stop();
    this.entries.delete(key);
  }
}

function keyOf(kind: Kind, namespace: string, name: string): string {
  return `${kind.resource}/${namespace}/${name}`;
}

/** Every ConfigMap and Secret that the spec names. */
function referencesOf(pod: Pod): { configMapNames: Set<string>; secretNames: Set<string> } {
  const configMapNames = new Set<string>();
  const secretNames = new Set<string>();
  const add = (names: Set<string>, name: string | undefined): void => {
    if (name !== undefined && name !== "") names.add(name);
  };
  for (const { envFrom = [], env = [] } of allContainers(pod)) {
    for (const { configMapRef, secretRef } of envFrom) {
      add(configMapNames, configMapRef?.name);
      add(secretNames, secretRef?.name);
    }
    for (const { valueFrom } of env) {
      add(configMapNames, valueFrom?.configMapKeyRef?.name);
      add(secretNames, valueFrom?.secretKeyRef?.name);
    }
  }
  for (const { configMap, secret, projected } of pod.spec.volumes ?? []) {
    add(configMapNames, configMap?.name);
    add(secretNames, secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add(configMapNames, source.configMap?.name);
      add(secretNames, source.secret?.name);
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add(secretNames, name);
  return { configMapNames, secretNames };
}

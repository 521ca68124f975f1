// One revision of one object: the bytes that were stored, and the decoded object when somebody needs it.
//
// An object is encoded once, when it is written. What is stored lacks only its resourceVersion, which is the store's
// revision; it is spliced in right behind `"metadata":{` when the bytes are served. Invariants: every stored object has
// at least one other metadata field; a decoded object is frozen all the way down and shared by everybody who asks.

import { canonicalObject, formatJson, type Kind, type KubeObject, parseJson } from "../../api/index.ts";
import { assert, deepFreeze, type Mutable } from "../../base/index.ts";
import type { Key } from "../../store/index.ts";

const encoder = new TextEncoder();
const METADATA = encoder.encode('"metadata":{');

/** Objects of this process by the bytes that stand for them: a writer's object needs no parsing when it comes back in an event. */
const decodedByBytes = new WeakMap<Uint8Array, KubeObject>();

/** The bytes to store for `object`: its canonical text without resourceVersion. Kind, apiVersion and metadata come first. */
export function encodeForStorage(kind: Kind, object: KubeObject): Uint8Array {
  const stored = canonicalObject(kind, object) as Mutable<KubeObject>;
  delete stored.metadata.resourceVersion;
  const bytes = encoder.encode(formatJson(stored));
  decodedByBytes.set(bytes, stored);
  return bytes;
}

export class ObjectRevision {
  #object: KubeObject | undefined;
  #converted: { readonly kind: Kind; readonly object: KubeObject } | undefined;
  #offset: number | undefined;

  constructor(
    readonly key: Key,
    /** The revision at which this state came into being (of a deletion: at which it ended); 0 for what was not stored (dry run). */
    readonly revision: number,
    /** As stored, without resourceVersion. */
    readonly value: Uint8Array,
  ) {}

  get resourceVersion(): string {
    return String(this.revision);
  }

  /** The decoded object, with its resourceVersion. */
  get object(): KubeObject {
    if (this.#object === undefined) {
      const stored = decodeStored(this.value);
      this.#object = deepFreeze(this.revision === 0 ? stored : { ...stored, metadata: { ...stored.metadata, resourceVersion: this.resourceVersion } });
    }
    return this.#object;
  }

  /** The object in the form of another kind, converted once and shared. */
  convertedBy<T extends KubeObject>(kind: Kind<T>, convert: (stored: KubeObject) => T): T {
    if (this.#converted?.kind !== (kind as Kind)) this.#converted = { kind, object: deepFreeze(convert(this.object)) };
    return this.#converted.object as T;
  }

  get byteLength(): number {
    return this.revision === 0 ? this.value.length : this.value.length + RESOURCE_VERSION_OVERHEAD + this.resourceVersion.length;
  }

  /** Copies the object's JSON, resourceVersion included, to `target`; returns the position behind it. */
  writeTo(target: Uint8Array, position: number): number {
    if (this.revision === 0) {
      target.set(this.value, position);
      return position + this.value.length;
    }
    const offset = this.#metadataOffset();
    target.set(this.value.subarray(0, offset), position);
    const { written } = encoder.encodeInto(`"resourceVersion":"${this.revision}",`, target.subarray(position + offset));
    target.set(this.value.subarray(offset), position + offset + written);
    return position + this.value.length + written;
  }

  /** The object's JSON, resourceVersion included. */
  bytes(): Uint8Array {
    const target = new Uint8Array(this.byteLength);
    this.writeTo(target, 0);
    return target;
  }

  /** The same state under another revision: what a watcher sees of a deletion. */
  at(revision: number): ObjectRevision {
    return new ObjectRevision(this.key, revision, this.value);
  }

  #metadataOffset(): number {
    this.#offset ??= offsetBehindMetadata(this.value);
    return this.#offset;
  }
}

const RESOURCE_VERSION_OVERHEAD = '"resourceVersion":"",'.length;

function decodeStored(value: Uint8Array): KubeObject {
  return decodedByBytes.get(value) ?? (parseJson(value).value as KubeObject);
}

/** Only kind and apiVersion stand before metadata, and neither can hold the mark: the first occurrence is the right one. */
function offsetBehindMetadata(value: Uint8Array): number {
  const last = value.length - METADATA.length;
  for (let start = value.indexOf(QUOTE); start !== -1 && start <= last; start = value.indexOf(QUOTE, start + 1)) {
    if (METADATA.every((byte, position) => value[start + position] === byte)) return start + METADATA.length;
  }
  assert(false, "a stored object has metadata");
}
const QUOTE = 0x22;

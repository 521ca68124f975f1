// From a manifest file to a static pod: decoded, defaulted and validated as the API server would, named after the node, bound to it,
// and marked with the hash of what it is.
import { decode, describeFieldErrors, isStatus, type Pod, pods, referencedObjects, validateCreate } from "../../api/index.ts";
import { formatTime, type Mutable } from "../../base/index.ts";
import { CONFIG_HASH, CONFIG_SEEN, CONFIG_SOURCE, FILE_SOURCE } from "./static-pod.ts";

export interface ManifestPlace {
  readonly file: string;
  readonly nodeName: string;
  readonly nowMs: number;
}

export type ReadManifest =
  | { readonly ok: true; readonly pod: Pod /** Fields that do not exist and were left out. */; readonly warnings: readonly string[] }
  | { readonly ok: false /** Names the field. */; readonly problem: string };

/** Node problems do not drive a static pod away. */
const TOLERATION = { operator: "Exists", effect: "NoExecute" };

export function readManifest(source: Uint8Array, place: ManifestPlace): ReadManifest {
  let pod: Mutable<Pod>;
  let warnings: readonly string[];
  try {
    const decoded = decode<Pod>(pods, source, { format: "yaml", fieldValidation: "Warn" });
    pod = decoded.object as Mutable<Pod>;
    warnings = decoded.warnings;
  } catch (error) {
    if (isStatus(error, "BadRequest")) return { ok: false, problem: error.message };
    throw error;
  }
  if ((pod.metadata.name ?? "") === "") return { ok: false, problem: "invalid pod: name is needed for the pod" };
  pods.declaration.defaults?.(pod);
  const hash = fingerprint(`${JSON.stringify(pod)}host:${place.nodeName}file:${place.file}`);
  bindToNode(pod, hash, place);
  const errors = validateCreate(pods, pod);
  if (errors.length > 0) return { ok: false, problem: `invalid pod: ${describeFieldErrors(errors).message}` };
  const referenced = referencedObjects(pod);
  if (referenced !== undefined) return { ok: false, problem: `static pods may not reference ${referenced}` };
  return { ok: true, pod, warnings };
}

function bindToNode(pod: Mutable<Pod>, hash: string, { nodeName, nowMs }: ManifestPlace): void {
  const { metadata, spec } = pod;
  const uid = metadata.uid === undefined || metadata.uid === "" ? hash : metadata.uid;
  metadata.uid = uid;
  metadata.name = `${metadata.name}-${nodeName.toLowerCase()}`;
  if (metadata.namespace === undefined || metadata.namespace === "") metadata.namespace = "default";
  metadata.annotations = { ...metadata.annotations, [CONFIG_HASH]: uid, [CONFIG_SEEN]: formatTime(nowMs), [CONFIG_SOURCE]: FILE_SOURCE };
  spec.nodeName = nodeName;
  const tolerated = (spec.tolerations ?? []).some(({ key, operator, effect }) => key === undefined && operator === "Exists" && effect === TOLERATION.effect);
  if (!tolerated) spec.tolerations = [...(spec.tolerations ?? []), { ...TOLERATION }];
  pod.status = { phase: "Pending" };
}

/** FNV-1a, 128 bits: as long as a UID, the same for the same text. */
function fingerprint(text: string): string {
  const prime = 0x0000000001000000000000000000013bn;
  const mask = (1n << 128n) - 1n;
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * prime) & mask;
  return hash.toString(16).padStart(32, "0");
}

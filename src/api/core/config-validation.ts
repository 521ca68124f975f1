// ConfigMaps and Secrets: keys that can be file names, a bounded size, and nothing changes once `immutable` is set
// (https://kubernetes.io/docs/concepts/configuration/secret/#secret-types).
import { problemsAt } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, required, tooLong } from "../field-errors.ts";
import type { ConfigMap, Secret } from "../generated/types.ts";
import { checkImmutable, sameValue } from "../immutable.ts";
import { JsonSyntaxError, parseJson } from "../json.ts";
import { byteLength, checkConfigMapKey } from "../names.ts";
import { annotations } from "../well-known.ts";

const MAX_BYTES = 1024 * 1024;
const DATA = FieldPath.root("data");
/** Upstream's name for the object as a whole. */
const WHOLE = FieldPath.root("[]");
const IMMUTABLE = "field is immutable when `immutable` is set";

/** Length of what the base64 text stands for. */
function decodedLength(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}

function checkKeys(path: FieldPath, data: Readonly<Record<string, string>>): FieldError[] {
  return Object.keys(data).flatMap((key) => problemsAt(path.key(key), key, checkConfigMapKey(key)));
}

export function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors = checkKeys(DATA, data);
  for (const key of Object.keys(data)) if (Object.hasOwn(binaryData, key)) errors.push(invalid(DATA.key(key), key, "duplicate of key present in binaryData"));
  errors.push(...checkKeys(FieldPath.root("binaryData"), binaryData));
  const texts = Object.values(data).reduce((sum, text) => sum + byteLength(text), 0);
  const size = Object.values(binaryData).reduce((sum, text) => sum + decodedLength(text), texts);
  return size > MAX_BYTES ? [...errors, tooLong(WHOLE, MAX_BYTES)] : errors;
}

interface Freezable {
  readonly immutable?: boolean;
}

function checkFrozen<T extends Freezable>(object: T, old: T, fields: readonly (keyof T & string)[]): FieldError[] {
  if (old.immutable !== true) return [];
  const thawed = object.immutable === true ? [] : [forbidden(FieldPath.root("immutable"), IMMUTABLE)];
  return [...thawed, ...fields.filter((name) => !sameValue(object[name], old[name])).map((name) => forbidden(FieldPath.root(name), IMMUTABLE))];
}

export function validateConfigMapUpdate(map: ConfigMap, old: ConfigMap): FieldError[] {
  return [...checkFrozen(map, old, ["data", "binaryData"]), ...validateConfigMap(map)];
}

/** Undefined for a JSON object. */
function whyNoJsonObject(base64: string): string | undefined {
  try {
    const { value } = parseJson(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return undefined;
    const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
    return type === "null" ? undefined : `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message;
    throw error;
  }
}

function checkJsonKey(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const text = data[key];
  if (text === undefined) return [required(DATA.key(key))];
  const why = whyNoJsonObject(text);
  return why === undefined ? [] : [invalid(DATA.key(key), "<secret contents redacted>", why)];
}

/** What each type promises its readers. */
function checkType({ type, data = {}, metadata }: Secret): FieldError[] {
  const missing = (...keys: string[]): FieldError[] => keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(DATA.key(key)));
  switch (type) {
    case "kubernetes.io/service-account-token": {
      const path = FieldPath.root("metadata").child("annotations").key(annotations.serviceAccountName);
      return metadata.annotations?.[annotations.serviceAccountName] ? [] : [required(path)];
    }
    case "kubernetes.io/dockercfg":
      return checkJsonKey(data, ".dockercfg");
    case "kubernetes.io/dockerconfigjson":
      return checkJsonKey(data, ".dockerconfigjson");
    case "kubernetes.io/basic-auth": {
      const absent = missing("username", "password");
      return absent.length === 2 ? absent : [];
    }
    case "kubernetes.io/ssh-auth":
      return data["ssh-privatekey"] ? [] : [required(DATA.key("ssh-privatekey"))];
    case "kubernetes.io/tls":
      return missing("tls.crt", "tls.key");
    default:
      return [];
  }
}

export function validateSecret(secret: Secret): FieldError[] {
  const { data = {} } = secret;
  const errors = checkKeys(DATA, data);
  const size = Object.values(data).reduce((sum, text) => sum + decodedLength(text), 0);
  if (size > MAX_BYTES) errors.push(tooLong(DATA, MAX_BYTES));
  return [...errors, ...checkType(secret)];
}

export function validateSecretUpdate(secret: Secret, old: Secret): FieldError[] {
  return [...checkImmutable(secret.type, old.type, FieldPath.root("type")), ...checkFrozen(secret, old, ["data"]), ...validateSecret(secret)];
}

// Pods made from a template, and the hash that tells templates apart.
import type { KubeObject, Pod, PodTemplateSpec } from "../api/index.ts";
import { controllerReference } from "./owner.ts";

const MAX_PREFIX = 253 - 5;

/** A pod as the owner's template wants it, named `<owner>-<random>` by the API server. */
export function podFromTemplate(owner: KubeObject, template: PodTemplateSpec): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "",
      generateName: `${owner.metadata.name}-`.slice(0, MAX_PREFIX),
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(owner)],
    },
    spec: template.spec ?? { containers: [] },
  };
}

/** Letters and digits that spell no words, as upstream's encoding of hashes. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** A short hash of JSON data, the same for equal data whatever the order of keys; `salt` tells apart what collides. */
export function stableHash(value: unknown, salt = 0): string {
  const text = `${canonicalJson(value)}|${salt}`;
  let hash = 0x811c9dc5;
  let second = 0x9e3779b9;
  for (let position = 0; position < text.length; position++) {
    const unit = text.charCodeAt(position);
    hash = Math.imul(hash ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x85ebca6b) + 0x7f4a7c15;
  }
  const mixed = (hash ^ (second >>> 15) ^ second) >>> 0;
  return [...String(mixed)].map((digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join("");
}

/** JSON with sorted keys, without absent or null members. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined && member !== null)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

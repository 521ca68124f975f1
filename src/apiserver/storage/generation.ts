// `metadata.generation`: 1 at creation, and one more whenever what is wished for changes.
import { canonicalObject, formatJson, type Kind, type KubeObject } from "../../api/index.ts";

export function countsGeneration(kind: Kind): boolean {
  return kind.declaration.countsGeneration ?? (kind.schema.type === "object" && kind.schema.fields.has("spec"));
}

/** Tells whether the change of `old` to `object` raises the generation. */
export function raisesGeneration(kind: Kind, object: KubeObject, old: KubeObject): boolean {
  return countsGeneration(kind) && countedText(kind, object) !== countedText(kind, old);
}

/** What counts, as canonical text: in canonical form equal values have equal texts. */
function countedText(kind: Kind, object: KubeObject): string {
  const { generationCounts } = kind.declaration;
  if (generationCounts !== undefined) return formatJson(generationCounts.call(kind.declaration, canonicalObject(kind, object)));
  const { spec } = object as KubeObject & { readonly spec?: unknown };
  const canonical = canonicalObject(kind, { metadata: {}, spec } as unknown as KubeObject) as KubeObject & { readonly spec?: unknown };
  return formatJson([canonical.spec]);
}

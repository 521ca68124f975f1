// From the kind in a request or an answer to its definition in a document.
import { definitionOf, formatApiVersion, type Kind, listKindOf } from "../../api/index.ts";
import { referenceToCustom, referenceToCustomList } from "./custom-schema.ts";
import type { Definitions, JsonSchema } from "./json-schema.ts";
import type { GroupVersionKind } from "./operations.ts";

const DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** A reference to the definition of a kind; lists of custom resources are defined on the way. */
export function referenceTo(definitions: Definitions, kinds: readonly Kind[], gvk: GroupVersionKind): JsonSchema {
  const known = gvk.kind === "DeleteOptions" ? DELETE_OPTIONS : definitionOf(formatApiVersion(gvk.group, gvk.version), gvk.kind);
  if (known !== undefined) return definitions.reference(known);
  const custom = kinds.find((kind) => kind.group === gvk.group && kind.version === gvk.version && (kind.kind === gvk.kind || listKindOf(kind) === gvk.kind));
  if (custom === undefined) return { type: "object" };
  return custom.kind === gvk.kind ? referenceToCustom(definitions, custom) : referenceToCustomList(definitions, custom);
}

// From the kind in a request or an answer to its definition in a document.
import { definitionOf, formatApiVersion, type Kind } from "../../api/index.ts";
import type { Definitions, JsonSchema } from "./json-schema.ts";
import type { GroupVersionKind } from "./operations.ts";

const LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";
const DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/** A reference to the definition of a kind; lists of custom resources are defined on the way. */
export function referenceTo(definitions: Definitions, kinds: readonly Kind[], gvk: GroupVersionKind): JsonSchema {
  const known = gvk.kind === "DeleteOptions" ? DELETE_OPTIONS : definitionOf(formatApiVersion(gvk.group, gvk.version), gvk.kind);
  if (known !== undefined) return definitions.reference(known);
  const custom = kinds.find((kind) => kind.group === gvk.group && kind.version === gvk.version && (kind.kind === gvk.kind || `${kind.kind}List` === gvk.kind));
  if (custom === undefined) return { type: "object" };
  if (custom.kind === gvk.kind) return definitions.reference(custom.definition, custom.schema);
  return definitions.add(`${custom.definition}List`, () => ({
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: { type: "string" },
      items: { type: "array", items: definitions.reference(custom.definition, custom.schema) },
      kind: { type: "string" },
      metadata: definitions.reference(LIST_META),
    },
    "x-kubernetes-group-version-kind": [gvk],
  }));
}

// What a list, a watch or a deletecollection selects: a namespace, labels, fields; and what of that an index can use.
import {
  type FieldSelector,
  fieldSelectorMatches,
  type Kind,
  type KubeObject,
  parseFieldSelectorFor,
  parseLabelSelector,
  type Selector,
} from "../../api/index.ts";
import type { Key } from "../../store/index.ts";
import { type Resource, viewOf } from "../cache/resource.ts";
import type { Scope } from "../cache/subscriber-index.ts";
import { namespacePrefix } from "./keys.ts";
import type { ObjectRevision } from "./object-revision.ts";

export interface SelectionOptions {
  /** Absent or "": all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export class Selection<T extends KubeObject = KubeObject> {
  readonly namespace: string;
  readonly #labels: Selector | undefined;
  readonly #fields: FieldSelector;
  /** The one object that can match, when the selection names it. */
  readonly name: string | undefined;
  readonly #node: string | undefined;

  /** Throws a BadRequest for selectors that cannot be read. */
  constructor(
    readonly kind: Kind<T>,
    { namespace = "", labelSelector = "", fieldSelector = "" }: SelectionOptions,
  ) {
    this.#labels = labelSelector === "" ? undefined : parseLabelSelector(labelSelector);
    this.#fields = parseFieldSelectorFor(kind, fieldSelector);
    this.namespace = kind.namespaced ? namespace || (this.#fields.exactValue("metadata.namespace") ?? "") : "";
    this.name = this.#fields.exactValue("metadata.name");
    this.#node = kind.group === "" && kind.resource === "pods" ? this.#fields.exactValue("spec.nodeName") : undefined;
  }

  /** Everything in the namespace: no object needs to be looked at. */
  get isWhole(): boolean {
    return this.#labels === undefined && this.#fields.isEmpty;
  }

  /** Where in the store the selected objects lie. */
  prefix(resource: Resource): Key {
    return namespacePrefix(resource.prefix, this.namespace);
  }

  /** The object's key, when the selection names one object. */
  key(resource: Resource): Key | undefined {
    if (!this.name || (this.kind.namespaced && this.namespace === "")) return undefined;
    return resource.key(this.namespace, this.name);
  }

  scope(resource: Resource): Scope {
    const key = this.key(resource);
    if (key !== undefined) return { by: "object", key };
    if (this.#node) return { by: "node", node: this.#node };
    return this.namespace === "" ? { by: "everything" } : { by: "namespace", namespace: this.namespace };
  }

  matches(revision: ObjectRevision): boolean {
    if (this.isWhole) return true;
    const object = viewOf(this.kind, revision);
    if (this.#labels !== undefined && !this.#labels.matches(object.metadata.labels ?? {})) return false;
    return fieldSelectorMatches(this.kind, this.#fields, object);
  }
}

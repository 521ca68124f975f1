// The subscribers of one resource, found by what they watch, so that a write costs only those whose scope it can touch.
//
// Each subscriber stands under exactly one scope: an object, a node name, a namespace, or everything.
export type Scope =
  | { readonly by: "everything" }
  | { readonly by: "namespace"; readonly namespace: string }
  | { readonly by: "object"; readonly key: string }
  /** Pods bound to a node: by far the most numerous narrow watchers. */
  | { readonly by: "node"; readonly node: string };

export class SubscriberIndex<Subscriber> {
  readonly #everything = new Set<Subscriber>();
  readonly #byNamespace = new Map<string, Set<Subscriber>>();
  readonly #byObject = new Map<string, Set<Subscriber>>();
  readonly #byNode = new Map<string, Set<Subscriber>>();

  /** Tells whether somebody watches by node name: only then need a pod's node be known. */
  get hasNodeScopes(): boolean {
    return this.#byNode.size > 0;
  }

  get isEmpty(): boolean {
    return this.#everything.size + this.#byNamespace.size + this.#byObject.size + this.#byNode.size === 0;
  }

  add(scope: Scope, subscriber: Subscriber): () => void {
    if (scope.by === "everything") {
      this.#everything.add(subscriber);
      return () => this.#everything.delete(subscriber);
    }
    const [index, name] = this.#indexOf(scope);
    const group = index.get(name) ?? new Set();
    index.set(name, group.add(subscriber));
    return () => {
      group.delete(subscriber);
      if (group.size === 0 && index.get(name) === group) index.delete(name);
    };
  }

  /** Calls `visit` for every subscriber that a change of the object may concern. `nodes`: where it is bound and was bound. */
  visit(of: { readonly key: string; readonly namespace: string; readonly nodes: readonly string[] }, visit: (subscriber: Subscriber) => void): void {
    for (const subscriber of [...this.#everything]) visit(subscriber);
    for (const subscriber of [...(this.#byNamespace.get(of.namespace) ?? [])]) visit(subscriber);
    for (const subscriber of [...(this.#byObject.get(of.key) ?? [])]) visit(subscriber);
    for (const node of new Set(of.nodes)) for (const subscriber of [...(this.#byNode.get(node) ?? [])]) visit(subscriber);
  }

  all(): Subscriber[] {
    const groups = [this.#everything, ...this.#byNamespace.values(), ...this.#byObject.values(), ...this.#byNode.values()];
    return groups.flatMap((group) => [...group]);
  }

  #indexOf(scope: Exclude<Scope, { by: "everything" }>): [Map<string, Set<Subscriber>>, string] {
    if (scope.by === "namespace") return [this.#byNamespace, scope.namespace];
    return scope.by === "object" ? [this.#byObject, scope.key] : [this.#byNode, scope.node];
  }
}

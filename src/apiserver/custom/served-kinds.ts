// Which kinds this server serves: the built-in ones, and those of custom resource definitions that are established. Kinds come, change and
// go with their definitions while the server runs; a kind that changed is another object.
import {
  builtInKinds,
  type CustomResourceDefinition,
  customResourceDefinitions,
  isDefinitionCondition,
  type Kind,
  kindsOfDefinition,
} from "../../api/index.ts";
import type { Resources } from "../cache/resource.ts";
import type { ObjectReader } from "../object-reader.ts";

interface Defined {
  /** What the kinds were made of: when it is the same, so are they. */
  readonly text: string;
  readonly kinds: readonly Kind[];
}

const BUILT_IN_GROUPS: ReadonlySet<string> = new Set(builtInKinds.map(({ group }) => group));

export class ServedKinds {
  readonly #byResource = new Map<string, Kind>(builtInKinds.map((kind) => [resourceKey(kind.group, kind.version, kind.resource), kind]));
  /** By name of the definition. */
  readonly #defined = new Map<string, Defined>();
  readonly #listeners = new Set<() => void>();
  #custom: readonly Kind[] = [];
  #all: readonly Kind[] = builtInKinds;

  constructor(private readonly resources: Resources) {}

  byResource(group: string, version: string, resource: string): Kind | undefined {
    return this.#byResource.get(resourceKey(group, version, resource));
  }

  hasGroup(group: string): boolean {
    return BUILT_IN_GROUPS.has(group) || this.#custom.some((kind) => kind.group === group);
  }

  /** All of them; the same list until something changes. */
  list(): readonly Kind[] {
    return this.#all;
  }

  /** Those of definitions, by group and name. */
  custom(): readonly Kind[] {
    return this.#custom;
  }

  /** Calls `listener` whenever kinds came or went. Returns the way to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps in step with the definitions. Returns the way to end that. */
  follow(objects: ObjectReader): () => void {
    return objects.subscribe(customResourceDefinitions, (definition, old) => {
      if (definition === undefined) this.#drop(old?.metadata.name ?? "");
      else this.#take(definition);
    });
  }

  #take(definition: CustomResourceDefinition): void {
    const { name } = definition.metadata;
    if (!isDefinitionCondition(definition, "Established")) return;
    const before = this.#defined.get(name);
    const text = whatMatters(definition);
    if (before?.text === text) return;
    // Both forms of the kind lie in one place.
    const [present] = before?.kinds ?? [];
    this.#defined.set(name, { text, kinds: kindsOfDefinition(definition) });
    this.#changed();
    if (present !== undefined) this.resources.endWatches(present);
  }

  #drop(name: string): void {
    const before = this.#defined.get(name);
    if (before === undefined) return;
    this.#defined.delete(name);
    this.#changed();
    for (const kind of before.kinds) this.resources.release(kind);
  }

  #changed(): void {
    for (const kind of this.#custom) this.#byResource.delete(resourceKey(kind.group, kind.version, kind.resource));
    const kinds = [...this.#defined.values()].flatMap((defined) => defined.kinds);
    this.#custom = kinds.sort((a, b) => (`${a.group}/${a.resource}` < `${b.group}/${b.resource}` ? -1 : 1));
    for (const kind of this.#custom) this.#byResource.set(resourceKey(kind.group, kind.version, kind.resource), kind);
    this.#all = [...builtInKinds, ...this.#custom];
    for (const listener of [...this.#listeners]) listener();
  }
}

function resourceKey(group: string, version: string, resource: string): string {
  return `${group}/${version}/${resource}`;
}

function whatMatters(definition: CustomResourceDefinition): string {
  const { metadata, status } = definition;
  return JSON.stringify([metadata.uid, metadata.generation, status?.acceptedNames, isDefinitionCondition(definition, "Terminating")]);
}

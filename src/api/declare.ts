// `kind()` joins what we declare about a kind with the generated facts: discovery (names, verbs, subresources) at once, for
// routing needs it, and the schema when it is first walked.
import { assert, present } from "../base/index.ts";
import { definitionOf, schemaOfDefinition } from "./compile.ts";
import resourceFacts from "./generated/resources.json" with { type: "json" };
import type { Kind, KindDeclaration, Subresource } from "./kind.ts";
import type { KubeObject } from "./object.ts";
import type { Schema } from "./schema.ts";

interface ResourceFact {
  readonly singular?: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

interface ResourceEntry {
  readonly resource: string;
  readonly fact: ResourceFact;
  readonly subresources: Map<string, Subresource>;
}

const resources = indexResources(resourceFacts as Readonly<Record<string, ResourceFact>>);

/** Splits `apps/v1` and `v1` into group and version. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? { group: "", version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** `v1`, `apps/v1`. */
export function formatApiVersion(group: string, version: string): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The built-in kind `apiVersion`/`kindName`. The names must be among the generated facts. */
export function kind<T extends KubeObject>(apiVersion: string, kindName: string, declaration: KindDeclaration<T>): Kind<T> {
  const { group, version } = parseApiVersion(apiVersion);
  const entry = present(resources.get(`${apiVersion} ${kindName}`), `resource of kind ${apiVersion} ${kindName}`);
  return {
    group,
    version,
    apiVersion,
    kind: kindName,
    resource: entry.resource,
    singular: entry.fact.singular ?? kindName.toLowerCase(),
    namespaced: entry.fact.namespaced,
    verbs: entry.fact.verbs,
    shortNames: entry.fact.shortNames ?? [],
    categories: entry.fact.categories ?? [],
    subresources: entry.subresources,
    get definition(): string {
      return present(definitionOf(apiVersion, kindName), `definition of kind ${apiVersion} ${kindName}`);
    },
    get schema(): Schema {
      return schemaOfDefinition(this.definition);
    },
    declaration,
  };
}

/** The kinds that the facts know, as `apiVersion kind`: what a complete registry holds. */
export function knownKinds(): readonly string[] {
  return [...resources.keys()];
}

/** Keys are `<apiVersion>/<resource>` or `<apiVersion>/<resource>/<subresource>`; the core's apiVersion has no slash. */
function indexResources(facts: Readonly<Record<string, ResourceFact>>): Map<string, ResourceEntry> {
  const byKind = new Map<string, ResourceEntry>();
  const byPath = new Map<string, ResourceEntry>();
  const pathPattern = /^((?:[^/]+\/)?v\d[^/]*)\/([^/]+)(?:\/([^/]+))?$/;
  for (const [path, fact] of Object.entries(facts)) {
    const match = pathPattern.exec(path);
    assert(match !== null, `resource path ${path} is well formed`);
    const [, apiVersion = "", resource = "", subresource] = match;
    if (subresource === undefined) {
      const entry = { resource, fact, subresources: new Map<string, Subresource>() };
      byKind.set(`${apiVersion} ${fact.kind}`, entry);
      byPath.set(`${apiVersion}/${resource}`, entry);
      continue;
    }
    const parent = present(byPath.get(`${apiVersion}/${resource}`), `resource that ${path} belongs to`);
    const own = parseApiVersion(apiVersion);
    const { kind: kindName, verbs, group = own.group, version = own.version } = fact;
    parent.subresources.set(subresource, { name: subresource, verbs, kind: kindName, group, version });
  }
  return byKind;
}

// The list of built-in kinds, written out by hand: membership is never a side effect of importing a file.
import type { Kind } from "./kind.ts";

/** Every built-in kind, in the order in which discovery lists the groups. */
export const builtInKinds: readonly Kind[] = [];

const byResource = new Map<string, Kind>(builtInKinds.map((kind) => [`${kind.group}/${kind.version}/${kind.resource}`, kind]));
const byGvk = new Map<string, Kind>(builtInKinds.map((kind) => [`${kind.apiVersion} ${kind.kind}`, kind]));

/** The built-in kind of a path's resource; undefined when there is none. */
export function kindByResource(group: string, version: string, resource: string): Kind | undefined {
  return byResource.get(`${group}/${version}/${resource}`);
}

/** The built-in kind of an object's apiVersion and kind; undefined when there is none. */
export function kindByGvk(apiVersion: string, kindName: string): Kind | undefined {
  return byGvk.get(`${apiVersion} ${kindName}`);
}

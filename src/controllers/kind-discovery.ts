// Which kinds the cluster serves, for the controllers that work on all of them: the built-in ones, and those of custom
// resource definitions that are established.
import { builtInKinds, type Kind } from "../api/index.ts";

export interface KindDiscovery {
  /** Kinds that can be listed, watched and deleted, each stored kind once. `error`: some kinds could not be found out. */
  deletableKinds(): Promise<{ readonly kinds: readonly Kind[]; readonly error?: string }>;
  /** The kinds of this group and name, one a version. */
  kindsNamed(group: string, kindName: string): readonly Kind[];
}

/** Kinds whose objects are views of others', or that come and go too fast to be anybody's dependents. */
function isStoredItself(kind: Kind): boolean {
  return kind.declaration.storedAs === undefined;
}

export function isDeletable({ verbs }: Kind): boolean {
  return verbs.includes("delete") && verbs.includes("list");
}

/** `customKinds` gives the kinds of the established custom resource definitions. */
export function createKindDiscovery(customKinds: () => readonly Kind[] = () => []): KindDiscovery {
  const builtIn = builtInKinds.filter((kind) => isStoredItself(kind) && isDeletable(kind));
  return {
    deletableKinds: async () => ({ kinds: [...builtIn, ...customKinds()] }),
    kindsNamed: (group, kindName) => [...builtInKinds, ...customKinds()].filter((kind) => kind.group === group && kind.kind === kindName),
  };
}

// Which kinds the cluster serves, for the controllers that work on all of them: the built-in ones, and those of custom
// resource definitions that are established. Custom kinds come and go while the cluster runs.
import { builtInKinds, type Kind } from "../api/index.ts";

export interface KindDiscovery {
  /** Kinds that can be listed, watched and deleted, each stored kind once. `error`: some kinds could not be found out. */
  deletableKinds(): Promise<{ readonly kinds: readonly Kind[]; readonly error?: string }>;
  /** The kinds of this group and name, one a version. */
  kindsNamed(group: string, kindName: string): readonly Kind[];
  /** Calls `listener` whenever kinds came or went. Returns the way to end that. */
  onChange(listener: () => void): () => void;
}

/** The kinds of the established custom resource definitions. */
export interface CustomKinds {
  /** Of each served version. */
  custom(): readonly Kind[];
  onChange(listener: () => void): () => void;
}

/** Kinds whose objects are views of others', or that come and go too fast to be anybody's dependents. */
function isStoredItself(kind: Kind): boolean {
  return kind.declaration.storedAs === undefined;
}

export function isDeletable({ verbs }: Kind): boolean {
  return verbs.includes("delete") && verbs.includes("list");
}

/** Each stored kind once, in the version it is stored in where that is served. */
function oneVersionEach(kinds: readonly Kind[]): Kind[] {
  const chosen = new Map<string, Kind>();
  for (const kind of kinds) {
    const key = `${kind.group}/${kind.resource}`;
    const { storedAs } = kind.declaration;
    if (!chosen.has(key) || storedAs === undefined || storedAs.kind() === kind) chosen.set(key, kind);
  }
  return [...chosen.values()];
}

export function createKindDiscovery(custom?: CustomKinds): KindDiscovery {
  const builtIn = builtInKinds.filter((kind) => isStoredItself(kind) && isDeletable(kind));
  return {
    kindsNamed: (group, kindName) => [...builtInKinds, ...(custom?.custom() ?? [])].filter((kind) => kind.group === group && kind.kind === kindName),
    deletableKinds: async () => ({ kinds: [...builtIn, ...oneVersionEach(custom?.custom() ?? []).filter(isDeletable)] }),
    onChange: (listener) => custom?.onChange(listener) ?? (() => undefined),
  };
}

/** How one kind is followed. */
export interface Followed {
  /** Resolves when its present objects were seen. */
  readonly synced: Promise<void>;
  end(): void;
}

export interface FollowOptions {
  readonly wanted: (kind: Kind) => boolean;
  /** Begins to work with a kind. Of a definition that changed the old kind is ended and the new one begun. */
  readonly follow: (kind: Kind) => Followed;
  readonly failed: (error: unknown) => void;
}

/** Keeps in step with the kinds that are served. Resolves when all of today's are synced; what it gives ends all of it. */
export async function followKinds(discovery: KindDiscovery, { wanted, follow, failed }: FollowOptions): Promise<() => void> {
  const followed = new Map<Kind, Followed>();
  let stopped = false;
  const step = async (): Promise<void> => {
    const { kinds } = await discovery.deletableKinds();
    if (stopped) return;
    const served = new Set(kinds.filter((kind) => kind.verbs.includes("watch") && wanted(kind)));
    for (const [kind, { end }] of followed) {
      if (served.has(kind)) continue;
      followed.delete(kind);
      end();
    }
    for (const kind of served) if (!followed.has(kind)) followed.set(kind, untilEnded(follow(kind)));
  };
  const unsubscribe = discovery.onChange(() => {
    step().catch(failed);
  });
  await step();
  await Promise.all([...followed.values()].map(({ synced }) => synced));
  return () => {
    stopped = true;
    unsubscribe();
    for (const { end } of followed.values()) end();
    followed.clear();
  };
}

/** A kind that goes before it was synced is waited for no longer. */
function untilEnded({ synced, end }: Followed): Followed {
  let isOver = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    isOver = resolve;
  });
  return {
    synced: Promise.race([synced, over]),
    end: () => {
      isOver();
      end();
    },
  };
}

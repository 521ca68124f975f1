// Reading: one object, or a list (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
//
// A get asks the store. A list comes from the watch cache when that has what is asked for - the newest state, waited for,
// or any state from a revision on - and from the store when pages or one exact revision are wanted. Invariant: a list
// without resourceVersion misses no write that was acknowledged before it was asked for.
import {
  badRequestError,
  expiredError,
  type FieldError,
  FieldPath,
  forbidden,
  invalidError,
  isStatus,
  type Kind,
  type KubeObject,
  notFoundError,
  notSupported,
} from "../../api/index.ts";
import { prefixEnd } from "../../store/index.ts";
import type { Resource, Resources } from "../cache/resource.ts";
import { decodeContinueToken, encodeContinueToken } from "./continue-token.ts";
import type { ObjectRevision } from "./object-revision.ts";
import type { ObjectStore } from "./object-store.ts";
import { Selection, type SelectionOptions } from "./selection.ts";

export interface ListQuery extends SelectionOptions {
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: string;
  /** For watches alone: a list that carries it is refused. */
  readonly sendInitialEvents?: boolean;
}

export interface ObjectList {
  readonly items: readonly ObjectRevision[];
  /** 0 for objects that are not stored. */
  readonly revision: number;
  readonly continue?: string;
  /** Absent with selectors, and on the last page. */
  readonly remainingItemCount?: number;
}

/** Objects read at once when a selector may leave few of them. */
const SCAN_PAGE = 1000;

export class Reader {
  constructor(
    private readonly objects: ObjectStore,
    private readonly resources: Resources,
  ) {}

  /** Throws NotFound. With a resourceVersion, what the cache has from there on will do. */
  async get(kind: Kind, namespace: string, name: string, resourceVersion = ""): Promise<ObjectRevision> {
    const resource = this.resources.of(kind);
    const key = resource.key(namespace, name);
    if (resourceVersion !== "" && resource.cache.isStarted) {
      await resource.cache.waitFor(parseResourceVersion(resourceVersion));
      const cached = resource.cache.get(key);
      if (cached === undefined) throw notFoundError(kind, name);
      return cached;
    }
    const found = await this.objects.get(key);
    if (found === undefined) throw notFoundError(kind, name);
    // The cache's twin may be decoded already.
    const cached = resource.cache.get(key);
    return cached?.revision === found.revision ? cached : found;
  }

  async list<T extends KubeObject>(kind: Kind<T>, query: ListQuery): Promise<ObjectList> {
    checkListQuery(query);
    const selection = new Selection(kind, query);
    const resource = this.resources.of(kind);
    const { resourceVersion = "", resourceVersionMatch = "" } = query;
    const limit = Math.max(query.limit ?? 0, 0);
    if (query.continue) return this.#continue(resource, selection, query.continue, limit);
    if (resourceVersionMatch === "Exact") return this.#page(resource, selection, { revision: parseResourceVersion(resourceVersion), limit });
    if (resourceVersion === "" && limit > 0) return this.#page(resource, selection, { revision: 0, limit });
    const asked = resourceVersion === "" ? await this.#newestRevision(resource) : parseResourceVersion(resourceVersion);
    if (limit > 0 && asked > 0 && resourceVersionMatch === "") return this.#page(resource, selection, { revision: asked, limit });
    await resource.cache.waitFor(asked);
    return this.#fromCache(resource, selection);
  }

  /** A cache that starts only now reads the newest state anyway. */
  async #newestRevision(resource: Resource): Promise<number> {
    if (resource.cache.isStarted) return this.objects.newestRevision();
    await resource.cache.start();
    return resource.cache.revision;
  }

  #fromCache(resource: Resource, selection: Selection): ObjectList {
    const key = selection.key(resource);
    const found =
      key === undefined ? resource.cache.withPrefix(selection.prefix(resource)) : [resource.cache.get(key)].filter((object) => object !== undefined);
    const items = selection.isWhole ? found : found.filter((object) => selection.matches(object));
    return { items, revision: resource.cache.revision };
  }

  async #continue(resource: Resource, selection: Selection, token: string, limit: number): Promise<ObjectList> {
    const { revision, start } = decodeContinueToken(token);
    try {
      return await this.#page(resource, selection, { revision: Math.max(revision, 0), limit, start });
    } catch (error) {
      if (!isStatus(error, "Expired")) throw error;
      const message = "the state that this list began with is compacted: list anew, or go on from the newest state with the continue token of this answer";
      throw expiredError(message, encodeContinueToken({ revision: -1, start }));
    }
  }

  async #page(resource: Resource, selection: Selection, page: { revision: number; limit: number; start?: string }): Promise<ObjectList> {
    const prefix = selection.prefix(resource);
    const end = prefixEnd(prefix);
    const { limit } = page;
    const items: ObjectRevision[] = [];
    let { revision } = page;
    let start = prefix + (page.start ?? "");
    for (;;) {
      const wanted = selection.isWhole ? limit : limit === 0 ? 0 : SCAN_PAGE;
      const range = await this.objects.range(start, end, { revision, limit: wanted });
      revision = range.revision;
      for (const [position, object] of range.objects.entries()) {
        start = `${object.key}\0`;
        if (!selection.matches(object)) continue;
        items.push(object);
        const isLast = position === range.objects.length - 1 && !range.more;
        if (limit === 0 || items.length < limit || isLast) continue;
        const remaining = range.count - position - 1;
        const token = encodeContinueToken({ revision, start: start.slice(prefix.length) });
        return { items, revision, continue: token, ...(selection.isWhole ? { remainingItemCount: remaining } : {}) };
      }
      if (!range.more) return { items, revision };
    }
  }
}

/** Throws a BadRequest. */
export function parseResourceVersion(text: string): number {
  if (text === "") return 0;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw badRequestError(
    `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

/** Throws a BadRequest or Invalid for parameters that contradict each other. */
export function checkListQuery({ resourceVersion = "", resourceVersionMatch = "", ...query }: ListQuery): void {
  const errors: FieldError[] = [];
  if (resourceVersionMatch !== "") errors.push(...checkMatch(resourceVersionMatch, resourceVersion, query.continue));
  if (query.sendInitialEvents !== undefined) errors.push(forbidden(FieldPath.root("sendInitialEvents"), "sendInitialEvents is forbidden for list"));
  if (errors.length > 0) throw invalidError({ group: "meta.k8s.io", kind: "ListOptions" }, "", errors);
  if (!query.continue) return;
  decodeContinueToken(query.continue);
  if (resourceVersion !== "" && resourceVersion !== "0") throw badRequestError("specifying resource version is not allowed when using continue");
}

function checkMatch(resourceVersionMatch: string, resourceVersion: string, continueToken: string | undefined): FieldError[] {
  const path = FieldPath.root("resourceVersionMatch");
  const errors: FieldError[] = [];
  if (resourceVersion === "") errors.push(forbidden(path, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
  if (continueToken) errors.push(forbidden(path, "resourceVersionMatch is forbidden when continue is provided"));
  if (resourceVersionMatch !== "Exact" && resourceVersionMatch !== "NotOlderThan") {
    errors.push(notSupported(path, resourceVersionMatch, ["Exact", "NotOlderThan", ""]));
  }
  if (resourceVersionMatch === "Exact" && resourceVersion === "0") {
    errors.push(forbidden(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  return errors;
}

// The client for components in the server's own process: no sockets, no encoding on reads; objects are the caches' own,
// shared and frozen. It is no back door: the same authorization, decoding, admission and validation apply as over the wire.
import {
  type DeleteOptions,
  decodeTarget,
  decodeValue,
  internalServerError,
  isStatus,
  type Kind,
  type KubeObject,
  methodNotAllowedError,
  noSuchPathError,
  parseFieldSelector,
  type StatusError,
} from "../../api/index.ts";
import { type Mutable, present } from "../../base/index.ts";
import type { Client, GetOptions, ListOptions, ListResult, ObjectName, Patch, Watch, WatchHandler, WatchOptions, WriteOptions } from "../../client/index.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import { forbiddenByAuthorizer } from "../authorization/forbidden.ts";
import { viewOf } from "../cache/resource.ts";
import type { ServedKinds } from "../custom/served-kinds.ts";
import type { Operations, Outcome } from "../operations.ts";
import type { RevisionEvent, Watcher } from "../storage/watcher.ts";
import type { WriteRequestContext } from "../storage/write-context.ts";
import type { UserInfo } from "../user.ts";

const SUPERUSER_GROUP = "system:masters";

interface Asked {
  readonly verb: string;
  readonly kind: Kind;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export class LocalClient implements Client {
  readonly #isSuperuser: boolean;

  constructor(
    private readonly operations: () => Operations,
    private readonly authorizer: () => Authorizer,
    private readonly kinds: ServedKinds,
    private readonly user: UserInfo,
  ) {
    this.#isSuperuser = user.groups.includes(SUPERUSER_GROUP);
  }

  async get<T extends KubeObject>(kind: Kind<T>, { namespace = "", name }: ObjectName, { subresource = "", resourceVersion }: GetOptions = {}): Promise<T> {
    this.#authorize({ verb: "get", kind, namespace, name, subresource });
    return objectOf(kind, await this.operations().get({ kind, namespace, name, subresource }, resourceVersion));
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ListResult<T>> {
    this.#authorize({ verb: "list", kind, ...options });
    const { items, revision, continue: next, remainingItemCount } = await this.operations().list(kind, options);
    const objects = items.map((item) => viewOf(kind, item));
    return { items: objects, resourceVersion: String(revision), continue: next, remainingItemCount };
  }

  watch<T extends KubeObject>(kind: Kind<T>, options: WatchOptions, handler: WatchHandler<T>): Watch {
    return new LocalWatch(kind, handler, async () => {
      this.#authorize({ verb: "watch", kind, ...options });
      const { sendInitialEvents } = options;
      const match = sendInitialEvents === undefined ? {} : { resourceVersionMatch: "NotOlderThan" };
      return this.operations().watch(kind, { ...options, ...match });
    });
  }

  async create<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace = "", name = "" } = object.metadata;
    const { subresource = "" } = options;
    this.#authorize({ verb: "create", kind, namespace, name: subresource === "" ? "" : name, subresource });
    const decoded = this.#decode(kind, object);
    return objectOf(kind, await this.operations().create({ kind, namespace, name, subresource }, decoded, this.#context(options)));
  }

  async createSubresource<R extends KubeObject>(kind: Kind, { namespace = "", name }: ObjectName, subresource: string, body: R): Promise<R> {
    this.#authorize({ verb: "create", kind, namespace, name, subresource });
    const declared = present(kind.subresources.get(subresource), `subresource ${subresource} of ${kind.resource}`);
    const apiVersion = declared.group === "" ? declared.version : `${declared.group}/${declared.version}`;
    const { object } = decodeValue(decodeTarget<KubeObject>(apiVersion, declared.kind), body);
    const outcome = await this.operations().create({ kind, namespace, name, subresource }, object, this.#context({}));
    return objectOf(kind, outcome) as unknown as R;
  }

  async update<T extends KubeObject>(kind: Kind<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace = "", name } = object.metadata;
    const { subresource = "" } = options;
    this.#authorize({ verb: "update", kind, namespace, name, subresource });
    const decoded = subresource === "scale" ? decodeValue(SCALE, object).object : this.#decode(kind, object);
    return objectOf(kind, await this.operations().update({ kind, namespace, name, subresource }, decoded, this.#context(options)));
  }

  async patch<T extends KubeObject>(kind: Kind<T>, { namespace = "", name }: ObjectName, patch: Patch, options: WriteOptions = {}): Promise<T> {
    const { subresource = "" } = options;
    this.#authorize({ verb: "patch", kind, namespace, name, subresource });
    const request = { ...patch, fieldManager: options.fieldManager ?? this.user.name.replace(/^.*:/, "") };
    return objectOf(kind, await this.operations().patch({ kind, namespace, name, subresource }, request, this.#context(options)));
  }

  async delete<T extends KubeObject>(kind: Kind<T>, { namespace = "", name }: ObjectName, options: Partial<DeleteOptions> = {}): Promise<void> {
    this.#authorize({ verb: "delete", kind, namespace, name });
    await this.operations().delete({ kind, namespace, name, subresource: "" }, options, this.#context({ dryRun: isDryRun(options) }));
  }

  async deleteCollection<T extends KubeObject>(kind: Kind<T>, list: ListOptions, options: Partial<DeleteOptions> = {}): Promise<void> {
    this.#authorize({ verb: "deletecollection", kind, ...list });
    await this.operations().deleteCollection(kind, list, options, this.#context({ dryRun: isDryRun(options) }));
  }

  #decode(kind: Kind, object: KubeObject): Mutable<KubeObject> {
    const decoded = decodeValue(kind, object).object;
    kind.declaration.defaults?.(decoded);
    return decoded;
  }

  /** Components manage fields under their own names. */
  #context({ dryRun = false, fieldManager = this.user.name.replace(/^.*:/, "") }: WriteOptions): WriteRequestContext {
    return { user: this.user, dryRun, warnings: [], fieldManager };
  }

  /** Throws Forbidden, or NotFound and MethodNotAllowed for what is not served. */
  #authorize({ verb, kind, namespace = "", name = "", subresource = "", labelSelector, fieldSelector }: Asked): void {
    if (this.kinds.byResource(kind.group, kind.version, kind.resource) === undefined) throw noSuchPathError();
    if (subresource === "" && !kind.verbs.includes(verb)) throw methodNotAllowedError();
    if (this.#isSuperuser) return;
    const { group, version, resource } = kind;
    // A list or watch of one name is authorized as that name.
    const selected = name === "" && fieldSelector !== undefined ? parseFieldSelector(fieldSelector).exactValue("metadata.name") : undefined;
    const asked = { group, version, resource, subresource, namespace, name: selected ?? name, labelSelector, fieldSelector };
    const attributes = { user: this.user, verb, path: "", resource: asked };
    const { decision, reason } = this.authorizer().authorize(attributes);
    if (decision !== "allow") throw forbiddenByAuthorizer(attributes, reason);
  }
}

const SCALE = decodeTarget<KubeObject>("autoscaling/v1", "Scale");

function objectOf<T extends KubeObject>(kind: Kind<T>, outcome: Outcome): T {
  return "revision" in outcome ? viewOf(kind, outcome.revision) : (outcome.object as T);
}

function isDryRun({ dryRun = [] }: Partial<DeleteOptions>): boolean {
  return dryRun.length > 0;
}

/** Hands the events on, never from within the write that caused them. */
class LocalWatch<T extends KubeObject> implements Watch {
  #watcher: Watcher | undefined;
  #stopped = false;
  #scheduled = false;

  constructor(
    private readonly kind: Kind<T>,
    private readonly handler: WatchHandler<T>,
    start: () => Promise<Watcher>,
  ) {
    start().then(
      (watcher) => {
        this.#watcher = watcher;
        if (this.#stopped) watcher.stop();
        else watcher.onReadable(() => this.#schedule());
      },
      (error: unknown) => this.#end(isStatus(error) ? error : internalServerError(error instanceof Error ? error.message : String(error))),
    );
  }

  stop(): void {
    if (this.#stopped) return;
    this.#watcher?.stop();
    this.#end(undefined);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    const watcher = this.#watcher;
    if (watcher === undefined) return;
    for (let event = watcher.next(); event !== undefined && !this.#stopped; event = watcher.next()) this.#show(event);
    if (watcher.ended !== undefined) this.#end(watcher.ended.error);
  }

  #show(event: RevisionEvent): void {
    if (event.type === "BOOKMARK") {
      this.handler.event({ type: "BOOKMARK", resourceVersion: String(event.revision), initialEventsEnd: event.initialEventsEnd });
    } else this.handler.event({ type: event.type, object: viewOf(this.kind, event.object) });
  }

  #end(error: StatusError | undefined): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.handler.ended(error);
  }
}

// The one runtime of all controllers: it watches, queues keys, lets a plan decide, executes it and retries. A controller says
// for which kind it works, what wakes it, how it gathers what it looks at, and what is to be done about it; the latter is a
// pure function (style guide: level-triggered, idempotent).
//
// Recipe: docs/recipes/controller.md.
import { type Kind, type KubeObject, objectKey } from "../api/index.ts";
import type { Env } from "../base/index.ts";
import { type Client, createReconciler, type EventRecorder, type Informer, type InformerFactory, type ReconcileResult } from "../client/index.ts";
import type { Plan } from "./action.ts";
import { execute } from "./execute.ts";
import { Expectations } from "./expectations.ts";

/** What every controller gets. */
export interface ControllerContext {
  readonly env: Env;
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly recorder: EventRecorder;
}

/** A running controller. */
export interface RunningController {
  stop(): Promise<void>;
}

export interface Controller {
  readonly name: string;
  start(context: ControllerContext): Promise<RunningController>;
}

/** The caches a controller looks into. Every kind that is asked for must be among its wakes, its own or `reads`. */
export interface Caches {
  of<T extends KubeObject>(kind: Kind<T>): Informer<T>;
}

/** Objects of another kind that wake a controller. */
export interface Wake {
  readonly kind: Kind;
  /** The keys to work on when the object appeared, went away, or changed: then asked for both states. */
  readonly keys: (object: KubeObject, caches: Caches) => readonly string[];
  /** Leaves out changes that say nothing to the controller. */
  readonly relevant?: (object: KubeObject, old: KubeObject) => boolean;
}

export function wake<T extends KubeObject>(
  kind: Kind<T>,
  keys: (object: T, caches: Caches) => readonly string[],
  relevant?: (object: T, old: T) => boolean,
): Wake {
  return { kind, keys, ...(relevant === undefined ? {} : { relevant }) } as unknown as Wake;
}

interface Shape<T extends KubeObject> {
  readonly for: Kind<T>;
  /** Replaces the key of the object itself, for controllers that work per namespace or the like; undefined for one that is no work. */
  readonly keyOf?: (object: T) => string | undefined;
  readonly wakes?: readonly Wake[];
  /** Kinds that are looked at without waking. */
  readonly reads?: readonly Kind[];
  /** For kinds that are not known beforehand: begins to enqueue keys, and gives the way to end that. */
  readonly follow?: (enqueue: (key: string) => void, caches: Caches) => Promise<() => void>;
  readonly workers?: number;
  /** Called once before the caches fill, to add indexes. */
  readonly index?: (caches: Caches) => void;
  /** Changes of the object that need no work. */
  readonly relevant?: (object: T, old: T) => boolean;
}

export interface PlannedController<T extends KubeObject, Observed> extends Shape<T> {
  /** Gathers what the plan looks at, from caches, and from the API only what no cache holds; undefined when there is nothing to do. */
  readonly observe: (key: string, caches: Caches, context: ControllerContext) => Observed | undefined | Promise<Observed | undefined>;
  /** Asks the API for what the caches may not show yet, before something is done that cannot be undone. */
  readonly verify?: (observed: Observed, client: Client) => Promise<Observed>;
  readonly plan: (observed: Observed, nowMs: number) => Plan;
}

export interface ReconcilingController<T extends KubeObject> extends Shape<T> {
  /** For controllers that must ask the API in between. */
  readonly reconcile: (key: string, caches: Caches, context: ControllerContext) => Promise<ReconcileResult>;
}

const DEFAULT_WORKERS = 5;
/** What ends the wait for our own writes may be an event that wakes nobody: of a kind only looked at, or not relevant. */
const LOOK_AGAIN_MS = 1000;

/** A controller whose decisions are a pure plan. */
export function controller<T extends KubeObject, Observed>(name: string, shape: PlannedController<T, Observed>): Controller {
  return {
    name,
    start: (context) => {
      const watched = new Set<Kind>([shape.for as Kind, ...(shape.wakes ?? []).map(({ kind }) => kind), ...(shape.reads ?? [])]);
      const expectations = new Expectations(context.env.clock, (kind) => (watched.has(kind) ? context.informers.informer(kind) : undefined));
      return run(name, shape, context, async (key, caches) => {
        const waitMs = expectations.waitMs(key);
        if (waitMs !== undefined) return { requeueAfterMs: Math.min(waitMs, LOOK_AGAIN_MS) };
        const observed = await shape.observe(key, caches, context);
        if (observed === undefined) {
          expectations.forget(key);
          return undefined;
        }
        const verified = shape.verify === undefined ? observed : await shape.verify(observed, context.client);
        const plan = shape.plan(verified, context.env.clock.now());
        return carryOut(plan, key, context, expectations);
      });
    },
  };
}

/** A controller that talks to the API while it decides. */
export function reconcilingController<T extends KubeObject>(name: string, shape: ReconcilingController<T>): Controller {
  return { name, start: (context) => run(name, shape, context, (key, caches) => shape.reconcile(key, caches, context)) };
}

async function carryOut(plan: Plan, key: string, context: ControllerContext, expectations: Expectations): Promise<ReconcileResult> {
  const executor = { client: context.client, recorder: context.recorder, written: expectations.written.bind(expectations, key) };
  let failure: Error | undefined;
  try {
    await execute(executor, plan.actions);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    failure = error;
  }
  if (plan.afterwards !== undefined) await execute(executor, plan.afterwards(failure));
  if (failure !== undefined) throw failure;
  return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
}

async function run<T extends KubeObject>(
  name: string,
  shape: Shape<T>,
  context: ControllerContext,
  reconcile: (key: string, caches: Caches) => Promise<ReconcileResult>,
): Promise<RunningController> {
  const caches: Caches = { of: (kind) => context.informers.informer(kind) };
  const reconciler = createReconciler(context.env, { name, workers: shape.workers ?? DEFAULT_WORKERS, reconcile: (key) => reconcile(key, caches) });
  shape.index?.(caches);
  const informers: Informer<KubeObject>[] = [];
  const removers: (() => void)[] = [];
  const own = shape.keyOf ?? objectKey;
  const sources = [wake(shape.for, (object: T) => [own(object) ?? []].flat(), shape.relevant), ...(shape.wakes ?? [])];
  for (const { kind, keys, relevant } of sources) {
    const informer = context.informers.informer(kind);
    informers.push(informer);
    // Each key once: an idle worker takes it at once, and would be told again of what it is working on.
    const enqueue = (...states: readonly KubeObject[]): void => {
      for (const key of new Set(states.flatMap((state) => keys(state, caches)))) reconciler.enqueue(key);
    };
    removers.push(
      informer.addHandler({
        added: (object) => enqueue(object),
        updated: (object, old) => {
          if (relevant?.(object, old) === false) return;
          enqueue(old, object);
        },
        deleted: (object) => enqueue(object),
      }),
    );
  }
  informers.push(...(shape.reads ?? []).map((kind) => context.informers.informer(kind)));
  if (shape.follow !== undefined) removers.push(await shape.follow((key) => reconciler.enqueue(key), caches));
  await Promise.all(informers.map((informer) => informer.synced()));
  reconciler.start();
  return {
    stop: async () => {
      for (const remove of removers) remove();
      await reconciler.stop();
    },
  };
}

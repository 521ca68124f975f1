// The horizontal pod autoscaler: reads the target's scale and the metrics every 15 seconds, decides, and sets the scale
// (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/).
//
// What it remembers for its windows is in memory, as upstream's is: a new controller begins anew. A failure is told in conditions
// and events and tried again at the next turn, not sooner.
import {
  apiServices,
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerStatus,
  horizontalPodAutoscalers,
  type Kind,
  noSuchPathError,
  type Pod,
  parseApiVersion,
  parseLabelSelector,
  pods,
  type Scale,
  type Selector,
  StatusError,
  sameValue,
} from "../api/index.ts";
import { type Client, retryOnConflict } from "../client/index.ts";
import {
  type Decision,
  decide,
  isSameStatus,
  type MetricsSeen,
  needsMetrics,
  notRescaled,
  type Remark,
  rescaled,
  type SelectorProblem,
  withoutScale,
} from "./autoscaler-decision.ts";
import { afterScaling, newHistory, type ScalingHistory } from "./autoscaler-limits.ts";
import { readMetric, unknownKind } from "./autoscaler-metric-apis.ts";
import { type Caches, type Controller, type ControllerContext, reconcilingController } from "./controller.ts";
import type { KindDiscovery } from "./kind-discovery.ts";

const PERIOD_MS = 15_000;

/** Of one autoscaler, between its turns. */
interface Memory {
  history: ScalingHistory | undefined;
  selector: Selector | undefined;
}

interface Turn {
  readonly context: ControllerContext;
  readonly caches: Caches;
  readonly kinds: KindDiscovery;
  readonly key: string;
  readonly autoscaler: HorizontalPodAutoscaler;
  /** By key. */
  readonly memories: ReadonlyMap<string, Memory>;
  readonly memory: Memory;
}

export function horizontalPodAutoscalerController(kinds: KindDiscovery): Controller {
  const memories = new Map<string, Memory>();
  return reconcilingController<HorizontalPodAutoscaler>("horizontal-pod-autoscaler", {
    for: horizontalPodAutoscalers,
    reads: [pods, apiServices],
    relevant: (autoscaler, old) => !sameValue(autoscaler.spec, old.spec),
    reconcile: async (key, caches, context) => {
      const autoscaler = caches.of(horizontalPodAutoscalers).get(key);
      if (autoscaler === undefined) {
        memories.delete(key);
        return undefined;
      }
      const memory = memories.get(key) ?? { history: undefined, selector: undefined };
      memories.set(key, memory);
      await takeTurn({ context, caches, kinds, key, autoscaler, memories, memory });
      return { requeueAfterMs: PERIOD_MS };
    },
  });
}

async function takeTurn(turn: Turn): Promise<void> {
  const { context, autoscaler, memory } = turn;
  const { clock } = context.env;
  const found = await findScale(turn);
  if (!found.ok) {
    const { status, remarks } = withoutScale(autoscaler, found.problem, clock.now());
    tell(turn, remarks);
    return writeStatus(turn, status);
  }
  const { spec, status } = found.scale;
  const specReplicas = spec?.replicas ?? 0;
  memory.history ??= newHistory(specReplicas, clock.now());
  const metrics = needsMetrics(autoscaler, specReplicas) ? await readMetrics(turn, status?.selector ?? "") : undefined;
  const { history } = memory;
  const decision = decide({ autoscaler, specReplicas, statusReplicas: status?.replicas ?? 0, metrics, history, nowMs: clock.now() });
  memory.history = decision.history;
  tell(turn, decision.remarks);
  await writeStatus(turn, await carryOut(turn, decision, found));
}

/** Rescales, when that was decided; gives the status that there is to write. */
async function carryOut(turn: Turn, decision: Decision, { kind, scale }: FoundScale): Promise<HorizontalPodAutoscalerStatus> {
  const { context, autoscaler, memory } = turn;
  const { rescale } = decision;
  if (rescale === undefined) return decision.status;
  const { to, reason } = rescale;
  try {
    await setScale(context, { kind, scale }, to);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    tell(turn, [{ type: "Warning", reason: "FailedRescale", message: `New size: ${to}; reason: ${reason}; error: ${error.message}` }]);
    return notRescaled(decision, autoscaler, error.message, context.env.clock.now());
  }
  const nowMs = context.env.clock.now();
  tell(turn, [{ type: "Normal", reason: "SuccessfulRescale", message: `New size: ${to}; reason: ${reason}` }]);
  memory.history = afterScaling(decision.history, { from: scale.spec?.replicas ?? 0, to, nowMs });
  return rescaled(decision, to, nowMs);
}

interface FoundScale {
  readonly kind: Kind;
  readonly scale: Scale;
}

async function findScale({
  context,
  kinds,
  autoscaler,
}: Turn): Promise<({ readonly ok: true } & FoundScale) | { readonly ok: false; readonly problem: string }> {
  const { namespace } = autoscaler.metadata;
  const target = autoscaler.spec.scaleTargetRef;
  if ((target.apiVersion ?? "").split("/").length > 2) return { ok: false, problem: `unexpected GroupVersion string: ${target.apiVersion}` };
  const { group } = parseApiVersion(target.apiVersion ?? "");
  let problem: string | undefined;
  for (const kind of kinds.kindsNamed(group, target.kind)) {
    try {
      return { ok: true, kind, scale: await getScale(context.client, kind, { namespace, name: target.name }) };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      problem ??= error.message;
    }
  }
  return { ok: false, problem: problem ?? unknownKind(target) };
}

async function getScale(client: Client, kind: Kind, of: { readonly namespace?: string; readonly name: string }): Promise<Scale> {
  if (!kind.subresources.has("scale")) throw noSuchPathError();
  return (await client.get(kind, of, { subresource: "scale" })) as unknown as Scale;
}

async function setScale({ env, client }: ControllerContext, { kind, scale }: FoundScale, replicas: number): Promise<void> {
  let current: Scale | undefined = scale;
  await retryOnConflict(env, async () => {
    const known = current ?? (await getScale(client, kind, scale.metadata));
    current = undefined;
    const wanted: Scale = { ...known, spec: { ...known.spec, replicas } };
    await client.update(kind, wanted, { subresource: "scale" });
  });
}

async function readMetrics(turn: Turn, selectorText: string): Promise<MetricsSeen> {
  const { context, caches, kinds, autoscaler } = turn;
  const namespace = autoscaler.metadata.namespace ?? "";
  const chosen = choosePods(turn, selectorText);
  if (!chosen.ok) return chosen;
  const services = caches.of(apiServices);
  const apis = { client: context.client, isRegistered: (name: string) => services.get(name) !== undefined, kindsNamed: kinds.kindsNamed };
  const readings = await Promise.all((autoscaler.spec.metrics ?? []).map((spec) => readMetric(apis, spec, { namespace, selector: selectorText })));
  return { ok: true, readings, pods: chosen.pods };
}

/** The pods of the target. Two autoscalers for one pod would pull in two directions. */
function choosePods({ caches, autoscaler, memories, memory, key }: Turn, text: string): { ok: true; pods: readonly Pod[] } | (MetricsSeen & { ok: false }) {
  const refuse = (selector: SelectorProblem): MetricsSeen & { ok: false } => ({ ok: false, selector });
  if (text === "") {
    const conditionMessage = "the HPA target's scale is missing a selector";
    return refuse({ event: "SelectorRequired", condition: "InvalidSelector", message: "selector is required", conditionMessage });
  }
  try {
    memory.selector = parseLabelSelector(text);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const message = `couldn't convert selector into a corresponding internal selector object: ${error.message}`;
    return refuse({ event: "InvalidSelector", condition: "InvalidSelector", message });
  }
  const own = memory.selector;
  const namespace = autoscaler.metadata.namespace ?? "";
  const selected = caches
    .of(pods)
    .inNamespace(namespace)
    .filter(({ metadata }) => own.matches(metadata.labels));
  const rivals = [...memories].filter(([other, { selector }]) => {
    if (!other.startsWith(`${namespace}/`) || other === key) return false;
    return selected.some(({ metadata }) => selector?.matches(metadata.labels) === true);
  });
  if (rivals.length === 0) return { ok: true, pods: selected };
  const names = [key, ...rivals.map(([other]) => other)].sort().map((other) => `{${other.slice(namespace.length + 1)} ${namespace}}`);
  const message = `pods by selector ${text} are controlled by multiple HPAs: [${names.join(" ")}]`;
  return refuse({ event: "AmbiguousSelector", condition: "AmbiguousSelector", message });
}

function tell({ context, autoscaler }: Turn, remarks: readonly Remark[]): void {
  for (const { type, reason, message } of remarks) context.recorder.event(autoscaler, type, reason, message);
}

async function writeStatus(turn: Turn, status: HorizontalPodAutoscalerStatus): Promise<void> {
  const { context, autoscaler } = turn;
  if (isSameStatus(autoscaler.status, status)) return;
  try {
    await context.client.update(horizontalPodAutoscalers, { ...autoscaler, status }, { subresource: "status" });
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    tell(turn, [{ type: "Warning", reason: "FailedUpdateStatus", message: error.message }]);
  }
}

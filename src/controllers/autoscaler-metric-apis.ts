// Where an autoscaler's metrics come from: the resource metrics API, and the APIs for custom and external metrics where
// somebody serves them (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#support-for-metrics-apis).
import {
  type CrossVersionObjectReference,
  compileLabelSelector,
  formatApiVersion,
  type Kind,
  type KubeObject,
  type LabelSelector,
  type MetricSpec,
  type PodMetrics,
  parseApiVersion,
  podMetrics,
  StatusError,
} from "../api/index.ts";
import { parseDuration, parseQuantity, parseTime } from "../base/index.ts";
import type { Client } from "../client/index.ts";
import type { MetricReading } from "./autoscaler-metrics.ts";
import type { Sample } from "./autoscaler-replicas.ts";

export interface MetricApis {
  readonly client: Client;
  /** Whether an APIService of this name (`<version>.<group>`) is there. */
  readonly isRegistered: (apiService: string) => boolean;
  /** The kinds that are served under these names. */
  readonly kindsNamed: (group: string, kind: string) => readonly Kind[];
}

/** Whose pods: those of the namespace that the selector, as text, picks. */
export interface Place {
  readonly namespace: string;
  readonly selector: string;
}

const CUSTOM_GROUP = "custom.metrics.k8s.io";
const EXTERNAL_GROUP = "external.metrics.k8s.io";
/** Newest first. */
const CUSTOM_VERSIONS = ["v1beta2", "v1beta1"] as const;
const EXTERNAL_VERSION = "v1beta1";
/** Of custom metrics that do not tell their window. */
const DEFAULT_WINDOW_SECONDS = 60;

/** Reads one metric. What the API refuses is a problem of the reading, not an exception. */
export async function readMetric(apis: MetricApis, spec: MetricSpec, place: Place): Promise<MetricReading> {
  try {
    if (spec.resource !== undefined) return await readResource(apis, spec.resource.name, undefined, place);
    if (spec.containerResource !== undefined) return await readResource(apis, spec.containerResource.name, spec.containerResource.container, place);
    if (spec.pods !== undefined) return await readPodsMetric(apis, spec.pods.metric, place);
    if (spec.object !== undefined) return await readObjectMetric(apis, spec.object, place);
    if (spec.external !== undefined) return await readExternalMetric(apis, spec.external.metric, place);
    return { ok: false, problem: "no source" };
  } catch (error) {
    if (error instanceof StatusError) return { ok: false, problem: error.message };
    throw error;
  }
}

async function readResource({ client }: MetricApis, resource: string, container: string | undefined, { namespace, selector }: Place): Promise<MetricReading> {
  const answer = await fetched("resource", client.list(podMetrics, { namespace, labelSelector: selector }));
  if (!answer.ok) return answer;
  const { items } = answer.value;
  if (items.length === 0) return { ok: false, problem: "no metrics returned from resource metrics API" };
  const samples = new Map<string, Sample>();
  for (const item of items) {
    const value = usageOf(item, resource, container);
    if (value === undefined) continue;
    samples.set(item.metadata.name, { value, atMs: parseTime(item.timestamp) ?? 0, windowMs: parseDuration(item.window) ?? 0 });
  }
  return { ok: true, samples };
}

/** In thousandths; undefined when a container that counts does not tell. */
function usageOf({ containers }: PodMetrics, resource: string, container: string | undefined): number | undefined {
  const counted = container === undefined ? containers : containers.filter(({ name }) => name === container);
  if (counted.length === 0) return undefined;
  let sum = 0;
  for (const { usage } of counted) {
    const amount = usage[resource];
    if (amount === undefined) return undefined;
    sum += parseQuantity(amount).milliValue();
  }
  return sum;
}

interface MetricIdentifier {
  readonly name: string;
  readonly selector?: LabelSelector;
}
/** An item of a MetricValueList: the window goes by two names in its two versions. */
interface MetricValue {
  readonly describedObject?: { readonly name?: string };
  readonly timestamp?: string;
  readonly windowSeconds?: number;
  readonly window?: number;
  readonly value: string;
}
interface ValueList<Item> extends KubeObject {
  readonly items?: readonly Item[];
}
interface ExternalValue extends KubeObject {
  readonly value: string;
}

async function readPodsMetric(apis: MetricApis, { name, selector }: MetricIdentifier, place: Place): Promise<MetricReading> {
  const version = customVersion(apis);
  if (version === undefined) return NO_CUSTOM_API;
  const parameters = { labelSelector: place.selector, metricLabelSelector: metricSelector(selector) };
  const pods = questionKind<ValueList<MetricValue>>(CUSTOM_GROUP, version, "pods");
  const answer = await fetched("custom", apis.client.get(pods, { namespace: place.namespace, name: "*" }, { subresource: name, parameters }));
  if (!answer.ok) return answer;
  const items = answer.value.items ?? [];
  if (items.length === 0) return { ok: false, problem: "no metrics returned from custom metrics API" };
  const samples = items.map(({ describedObject, timestamp, windowSeconds, window, value }): [string, Sample] => {
    const seconds = windowSeconds ?? window ?? DEFAULT_WINDOW_SECONDS;
    return [describedObject?.name ?? "", { value: parseQuantity(value).milliValue(), atMs: parseTime(timestamp) ?? 0, windowMs: seconds * 1000 }];
  });
  return { ok: true, samples: new Map(samples) };
}

async function readObjectMetric(apis: MetricApis, source: NonNullable<MetricSpec["object"]>, { namespace }: Place): Promise<MetricReading> {
  const version = customVersion(apis);
  if (version === undefined) return NO_CUSTOM_API;
  const question = objectQuestion(apis, source);
  if (question === undefined) return { ok: false, problem: `unable to fetch metrics from custom metrics API: ${unknownKind(source.describedObject)}` };
  const { resource, name, subresource } = question;
  const parameters = { metricLabelSelector: metricSelector(source.metric.selector) };
  const kind = questionKind<ValueList<MetricValue>>(CUSTOM_GROUP, version, resource);
  const answer = await fetched("custom", apis.client.get(kind, { namespace, name }, { subresource, parameters }));
  if (!answer.ok) return answer;
  const [first] = answer.value.items ?? [];
  if (first === undefined) return { ok: false, problem: "unable to fetch metrics from custom metrics API: the custom metrics API server returned no value" };
  return { ok: true, value: parseQuantity(first.value).milliValue() };
}

/** Which resource and object to ask about. Metrics of the namespace itself lie under `metrics`, each as an object of its own. */
function objectQuestion({ kindsNamed }: MetricApis, { describedObject, metric }: NonNullable<MetricSpec["object"]>) {
  const { group } = parseApiVersion(describedObject.apiVersion ?? "");
  if (group === "" && describedObject.kind === "Namespace") return { resource: "metrics", name: metric.name };
  const [found] = kindsNamed(group, describedObject.kind);
  if (found === undefined) return undefined;
  return { resource: group === "" ? found.resource : `${found.resource}.${group}`, name: describedObject.name, subresource: metric.name };
}

async function readExternalMetric({ client, isRegistered }: MetricApis, { name, selector }: MetricIdentifier, { namespace }: Place): Promise<MetricReading> {
  if (!isRegistered(`${EXTERNAL_VERSION}.${EXTERNAL_GROUP}`)) {
    return {
      ok: false,
      problem: `unable to fetch metrics from external metrics API: the server could not find the requested resource (get ${name}.${EXTERNAL_GROUP})`,
    };
  }
  const kind = questionKind<ExternalValue>(EXTERNAL_GROUP, EXTERNAL_VERSION, name);
  const answer = await fetched("external", client.list(kind, { namespace, labelSelector: metricSelector(selector) }));
  if (!answer.ok) return answer;
  const { items } = answer.value;
  if (items.length === 0) return { ok: false, problem: "no metrics returned from external metrics API" };
  return { ok: true, value: items.reduce((sum, { value }) => sum + parseQuantity(value).milliValue(), 0) };
}

const NO_CUSTOM_API: MetricReading = {
  ok: false,
  problem: `unable to fetch metrics from custom metrics API: no custom metrics API (${CUSTOM_GROUP}) registered`,
};

function customVersion({ isRegistered }: MetricApis): string | undefined {
  return CUSTOM_VERSIONS.find((version) => isRegistered(`${version}.${CUSTOM_GROUP}`));
}

/** Absent, it chooses nothing in particular. Throws a StatusError when it is no selector. */
function metricSelector(selector: LabelSelector | undefined): string {
  return selector === undefined ? "" : compileLabelSelector(selector).toString();
}

export function unknownKind({ apiVersion = "", kind }: CrossVersionObjectReference): string {
  return `no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(parseApiVersion(apiVersion).group)}`;
}

type Fetched<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

async function fetched<T>(api: "resource" | "custom" | "external", request: Promise<T>): Promise<Fetched<T>> {
  try {
    return { ok: true, value: await request };
  } catch (error) {
    if (error instanceof StatusError) return { ok: false, problem: `unable to fetch metrics from ${api} metrics API: ${error.message}` };
    throw error;
  }
}

/** A resource of a metrics API, whose names are made by whoever serves it. */
function questionKind<T extends KubeObject>(group: string, version: string, resource: string): Kind<T> {
  return {
    ...{ group, version, resource, apiVersion: formatApiVersion(group, version), kind: "MetricValueList", singular: "", namespaced: true, definition: "" },
    ...{ verbs: ["get", "list"], shortNames: [], categories: [], subresources: new Map(), schema: { type: "any" }, declaration: { columns: [] } },
  };
}

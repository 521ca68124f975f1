// Metrics of every source, through the APIs that a test serves: what each calls for, and the words when it fails.
import { describe, expect, it } from "vitest";
import { deployments, type MetricSpec, pods, serviceUnavailableError } from "../api/index.ts";
import type { Client, GetOptions } from "../client/index.ts";
import { type MetricApis, readMetric } from "./autoscaler-metric-apis.ts";
import { type Assessment, assessMetric, selectorText } from "./autoscaler-metrics.ts";
import { NOW_MS, pod } from "./testing.ts";

const PLACE = { namespace: "default", selector: "app=web" };
const SELECTOR = { matchLabels: { verb: "get" } };

interface Asked {
  readonly path: string;
  readonly parameters?: GetOptions["parameters"];
}

/** A client whose metrics APIs answer these items, and who remembers what it was asked. */
function apis(items: readonly object[], registered: readonly string[]): MetricApis & { readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const client: Pick<Client, "get" | "list"> = {
    get: async (kind, { namespace, name }, { subresource = "", parameters } = {}) => {
      asked.push({ path: `${kind.apiVersion}/${namespace}/${kind.resource}/${name}/${subresource}`, parameters });
      return { apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name: "" }, items } as never;
    },
    list: async (kind, { namespace, labelSelector = "" } = {}) => {
      asked.push({ path: `${kind.apiVersion}/${namespace}/${kind.resource}`, parameters: { labelSelector } });
      return { items: items as never[], resourceVersion: "" };
    },
  };
  const kindsNamed: MetricApis["kindsNamed"] = (group, name) => [deployments, pods].filter((kind) => kind.group === group && kind.kind === name);
  return { client: client as Client, isRegistered: (name) => registered.includes(name), kindsNamed, asked };
}

async function assess(spec: MetricSpec, of: MetricApis): Promise<Assessment> {
  const reading = await readMetric(of, spec, PLACE);
  const names = ["a", "b"];
  const about = { namespace: "default", specReplicas: 2, statusReplicas: 2, tolerances: { down: 0.1, up: 0.1 }, nowMs: NOW_MS };
  return assessMetric(spec, reading, { ...about, pods: names.map((name) => pod({ name, ready: true })) });
}

const PODS: MetricSpec = { type: "Pods", pods: { metric: { name: "hits", selector: SELECTOR }, target: { type: "AverageValue", averageValue: "10" } } };
const describedObject = { apiVersion: "apps/v1", kind: "Deployment", name: "main" };
const OBJECT: MetricSpec = { type: "Object", object: { describedObject, metric: { name: "hits" }, target: { type: "Value", value: "10" } } };
const EXTERNAL: MetricSpec = {
  type: "External",
  external: { metric: { name: "queue", selector: SELECTOR }, target: { type: "AverageValue", averageValue: "10" } },
};

describe("a metric of", () => {
  it("pods is asked for all of them at once", async () => {
    const values = ["a", "b"].map((name) => ({ describedObject: { name }, timestamp: "2026-01-01T12:00:00Z", value: "20" }));
    const served = apis(values, ["v1beta1.custom.metrics.k8s.io"]);
    expect(await assess(PODS, served)).toMatchObject({
      ok: true,
      replicas: 4,
      name: "pods metric hits",
      status: { pods: { current: { averageValue: "20" } } },
    });
    expect(served.asked).toEqual([
      { path: "custom.metrics.k8s.io/v1beta1/default/pods/*/hits", parameters: { labelSelector: "app=web", metricLabelSelector: "verb=get" } },
    ]);
  });

  it("an object is asked for by its resource, one of a namespace by its own name", async () => {
    const served = apis([{ value: "30" }], ["v1beta2.custom.metrics.k8s.io", "v1beta1.custom.metrics.k8s.io"]);
    expect(await assess(OBJECT, served)).toMatchObject({
      ok: true,
      replicas: 6,
      name: "Deployment metric hits",
      status: { object: { current: { value: "30" } } },
    });
    const ofNamespace = { ...OBJECT, object: { ...OBJECT.object, describedObject: { apiVersion: "v1", kind: "Namespace", name: "other" } } } as MetricSpec;
    await assess(ofNamespace, served);
    expect(served.asked.map(({ path }) => path)).toEqual([
      "custom.metrics.k8s.io/v1beta2/default/deployments.apps/main/hits",
      "custom.metrics.k8s.io/v1beta2/default/metrics/hits/",
    ]);
  });

  it("the world outside is summed up", async () => {
    const served = apis([{ value: "30" }, { value: "15" }], ["v1beta1.external.metrics.k8s.io"]);
    const name = "external metric queue(&LabelSelector{MatchLabels:map[string]string{verb: get,},MatchExpressions:[]LabelSelectorRequirement{},})";
    expect(await assess(EXTERNAL, served)).toMatchObject({ ok: true, replicas: 5, name, status: { external: { current: { averageValue: "22500m" } } } });
    expect(served.asked).toEqual([{ path: "external.metrics.k8s.io/v1beta1/default/queue", parameters: { labelSelector: "verb=get" } }]);
  });
});

describe("a metric that nobody serves", () => {
  const none = apis([], []);
  const cases: readonly [spec: MetricSpec, reason: string, cause: string][] = [
    [
      PODS,
      "FailedGetPodsMetric",
      "unable to get metric hits: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered",
    ],
    [
      OBJECT,
      "FailedGetObjectMetric",
      "unable to get metric hits: Deployment on default main/unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered",
    ],
    [
      { ...EXTERNAL, external: { metric: { name: "queue" }, target: { type: "Value", value: "10" } } },
      "FailedGetExternalMetric",
      "unable to get external metric default/queue/nil: unable to fetch metrics from external metrics API: the server could not find the requested resource (get queue.external.metrics.k8s.io)",
    ],
  ];
  it.each(cases)("is told in upstream's words: %j", async (spec, reason, cause) => {
    expect(await assess(spec, none)).toMatchObject({ ok: false, reason, cause });
  });

  it("is told when its API has nothing, or is down", async () => {
    const empty = apis([], ["v1beta1.custom.metrics.k8s.io", "v1beta1.external.metrics.k8s.io"]);
    expect(await assess(PODS, empty)).toMatchObject({ cause: "unable to get metric hits: no metrics returned from custom metrics API" });
    const down = {
      ...empty,
      client: { ...empty.client, list: () => Promise.reject(serviceUnavailableError("the server is currently unable to handle the request")) },
    };
    const resource: MetricSpec = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } };
    expect(await assess(resource, down)).toMatchObject({
      reason: "FailedGetResourceMetric",
      cause:
        "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request",
    });
  });
});

it("shows selectors as upstream's messages do", () => {
  const matchExpressions = [{ key: "tier", operator: "In", values: ["a", "b"] }];
  expect(selectorText({ matchExpressions })).toBe(
    "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:tier,Operator:In,Values:[a b],},},}",
  );
});

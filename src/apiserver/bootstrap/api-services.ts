// The APIService objects of what this server itself answers: "Local", and always available
// (https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/). The priorities are upstream's.
//
// The metrics API is created like the others when nobody has claimed it, and is not managed afterwards: with the APIService of a
// metrics-server of their own, users replace ours.
import { type APIService, type APIServiceCondition, apiServices, builtInKinds, isStatus } from "../../api/index.ts";
import { type Env, formatTime } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";

const METRICS_GROUP = "metrics.k8s.io";
/** Of the group, in the order in which kubectl looks for a resource's name. */
const GROUP_PRIORITIES: Readonly<Record<string, number>> = {
  "": 18_000,
  apps: 17_800,
  "events.k8s.io": 17_750,
  "authentication.k8s.io": 17_700,
  "authorization.k8s.io": 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  "certificates.k8s.io": 17_300,
  "networking.k8s.io": 17_200,
  policy: 17_100,
  "rbac.authorization.k8s.io": 17_000,
  "storage.k8s.io": 16_800,
  "apiextensions.k8s.io": 16_700,
  "admissionregistration.k8s.io": 16_700,
  "scheduling.k8s.io": 16_600,
  "coordination.k8s.io": 16_500,
  "node.k8s.io": 16_300,
  "resource.k8s.io": 16_200,
  "discovery.k8s.io": 16_200,
  "flowcontrol.apiserver.k8s.io": 16_100,
  [METRICS_GROUP]: 100,
};
const LEAST_GROUP_PRIORITY = 100;
/** Of versions that are not the usual 15. */
const VERSION_PRIORITIES: Readonly<Record<string, number>> = {
  "v1.": 1,
  "v2.autoscaling": 30,
  "v1.resource.k8s.io": 21,
  "v1.flowcontrol.apiserver.k8s.io": 21,
  [`v1beta1.${METRICS_GROUP}`]: 100,
};
const USUAL_VERSION_PRIORITY = 15;

/** Nothing needs them: they do not hold up a start. */
const ANNOUNCE_AFTER_MS = 500;
const RETRY_AFTER_MS = 10_000;

/** Sees to it that they are there, soon and once. Returns the way to stop it. */
export function announceLocalApiServices(env: Env, client: Client): () => void {
  let stopped = false;
  const announce = (): void => {
    ensureLocalApiServices(env, client).catch((error: unknown) => {
      if (stopped) return;
      env.log.warn("the local APIServices could not be created", { error: String(error) });
      timer = env.clock.setTimeout(announce, RETRY_AFTER_MS);
    });
  };
  let timer = env.clock.setTimeout(announce, ANNOUNCE_AFTER_MS);
  return () => {
    stopped = true;
    timer.cancel();
  };
}

/** Creates those that are missing, and says of all that are local that they are available. One that names another server stays as it is. */
async function ensureLocalApiServices(env: Env, client: Client): Promise<void> {
  const { items } = await client.list(apiServices);
  const existing = new Map(items.map((service) => [service.metadata.name, service]));
  const message = "Local APIServices are always available";
  const lastTransitionTime = formatTime(env.clock.now());
  const available: APIServiceCondition = { type: "Available", status: "True", reason: "Local", message, lastTransitionTime };
  await Promise.all(localApiServices().map((wanted) => ensureAvailable(client, wanted, existing.get(wanted.metadata.name), available)));
}

/** A server that was stopped between the two writes left a service without its condition. */
async function ensureAvailable(client: Client, wanted: APIService, existing: APIService | undefined, available: APIServiceCondition): Promise<void> {
  if (existing?.spec?.service !== undefined || existing?.status?.conditions?.some(({ type }) => type === available.type) === true) return;
  try {
    const service = existing ?? (await client.create(apiServices, wanted));
    await client.update(apiServices, { ...service, status: { conditions: [available] } }, { subresource: "status" });
  } catch (error) {
    // Another server of the cluster may be as far as we are.
    if (!isStatus(error, "AlreadyExists") && !isStatus(error, "Conflict")) throw error;
  }
}

/** One for each group and version that has a built-in kind; that of the APIServices themselves has none, as upstream. */
function localApiServices(): readonly APIService[] {
  const kinds = builtInKinds.filter(({ group }) => group !== apiServices.group);
  const served = new Map(kinds.map(({ group, version }) => [`${version}.${group}`, { group, version }]));
  return [...served].map(([name, { group, version }]) => ({
    apiVersion: apiServices.apiVersion,
    kind: apiServices.kind,
    metadata: { name, ...(group === METRICS_GROUP ? {} : { labels: { "kube-aggregator.kubernetes.io/automanaged": "onstart" } }) },
    spec: {
      // The core's group is empty, and left out.
      ...(group === "" ? {} : { group }),
      version,
      groupPriorityMinimum: GROUP_PRIORITIES[group] ?? LEAST_GROUP_PRIORITY,
      versionPriority: VERSION_PRIORITIES[name] ?? USUAL_VERSION_PRIORITY,
    },
  }));
}

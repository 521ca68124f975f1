// The objects that every cluster has before anybody asks for anything: the system's namespaces and priority classes, the
// `kubernetes` service, the range of service addresses, and the default roles. Each is created when it is missing; what an
// administrator changed stays (roles are completed, as upstream reconciles them).
import {
  addressAt,
  configMaps,
  endpointSlices,
  endpoints,
  ipFamilyOf,
  isStatus,
  type Kind,
  type KubeObject,
  namespaces,
  priorityClasses,
  serviceCIDRs,
  services,
  systemPriorityClasses,
} from "../../api/index.ts";
import { type Env, formatTime } from "../../base/index.ts";
import type { Client, ObjectName } from "../../client/index.ts";
import { reconcileBootstrapPolicy } from "../authorization/bootstrap-policy.ts";
import type { BootstrapObject } from "./bootstrap-object.ts";
import { mandatoryFlowControl } from "./flow-control.ts";

export interface BootstrapOptions {
  /** One range, or one of each address family. The first address of the first one is the `kubernetes` service's. */
  readonly serviceCidrs: readonly string[];
  readonly advertise?: { readonly address: string; readonly port: number };
  readonly clientCa?: string;
}

const SYSTEM_NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];
const SERVICE_LABELS = { component: "apiserver", provider: "kubernetes" };

/** How often what every client counts on is looked after. */
const KEEP_INTERVAL_MS = 10_000;

export async function bootstrap(env: Env, client: Client, options: BootstrapOptions): Promise<void> {
  await ensureNamespaces(client);
  await Promise.all([
    reconcileBootstrapPolicy(client),
    ...systemPriorityClasses.map((object) => ensure(client, priorityClasses, object)),
    ...mandatoryFlowControl().map(([kind, object]) => ensure(client, kind, object)),
    ensureServiceCidr(client, options.serviceCidrs),
    ensureKubernetesService(client, options),
    ensureAuthenticationConfig(client, options),
    // From today on the use of tokens that secrets keep is noted: who takes old ones out of use goes by it.
    ensure(client, configMaps, {
      metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
      data: { since: formatTime(env.clock.now()).slice(0, 10) },
    }),
  ]);
}

/**
 * Brings the system's namespaces and the `kubernetes` service back when somebody deletes them: `kubectl delete service --all` takes
 * that along. Returns the way to stop it.
 */
export function keepBootstrapObjects(env: Env, client: Client, options: BootstrapOptions): () => void {
  let stopped = false;
  const keep = async (): Promise<void> => {
    try {
      await ensureNamespaces(client);
      await ensureKubernetesService(client, options);
    } catch (error) {
      // The next turn tries again, and a server that was stopped meanwhile has nothing to keep.
      if (!stopped) env.log.warn("the system's objects could not be looked after", { error: String(error) });
    }
    if (!stopped) timer = env.clock.setTimeout(() => void keep(), KEEP_INTERVAL_MS);
  };
  let timer = env.clock.setTimeout(() => void keep(), KEEP_INTERVAL_MS);
  return () => {
    stopped = true;
    timer.cancel();
  };
}

async function ensureNamespaces(client: Client): Promise<void> {
  await Promise.all(SYSTEM_NAMESPACES.map((name) => ensure(client, namespaces, { metadata: { name } })));
}

/** Creates what is missing. Fields beside the metadata are those of the kind. */
async function ensure<T extends KubeObject, O extends BootstrapObject>(client: Client, kind: Kind<T>, object: O): Promise<void> {
  // Looked for first: creating a second service of one address is refused for the address, before its name is looked at.
  if (await exists(client, kind, object.metadata)) return;
  try {
    await client.create(kind, { apiVersion: kind.apiVersion, kind: kind.kind, ...object } as unknown as T);
  } catch (error) {
    if (!isStatus(error, "AlreadyExists")) throw error;
  }
}

async function exists<T extends KubeObject>(client: Client, kind: Kind<T>, of: ObjectName): Promise<boolean> {
  try {
    await client.get(kind, of);
    return true;
  } catch (error) {
    if (isStatus(error, "NotFound")) return false;
    throw error;
  }
}

/** The default ranges are ready as soon as they are there: this server allocates from them. */
async function ensureServiceCidr(client: Client, cidrs: readonly string[]): Promise<void> {
  await ensure(client, serviceCIDRs, { metadata: { name: "kubernetes" }, spec: { cidrs } });
  let range = await client.get(serviceCIDRs, { name: "kubernetes" });
  const known = range.spec?.cidrs ?? [];
  // A cluster of one family that is started with two gets the second; nothing else can change about it.
  if (known.length === 1 && cidrs.length === 2 && known[0] === cidrs[0]) range = await client.update(serviceCIDRs, { ...range, spec: { cidrs } });
  if (range.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True")) return;
  const lastTransitionTime = range.metadata.creationTimestamp ?? "";
  const condition = { type: "Ready", status: "True", reason: "", message: "Kubernetes default Service CIDR is ready", lastTransitionTime };
  await client.update(serviceCIDRs, { ...range, status: { conditions: [condition] } }, { subresource: "status" });
}

async function ensureKubernetesService(client: Client, { serviceCidrs, advertise }: BootstrapOptions): Promise<void> {
  const serviceAddress = addressAt(serviceCidrs[0] ?? "", 1);
  const metadata = { name: "kubernetes", namespace: "default", labels: SERVICE_LABELS };
  const port = { name: "https", port: 443, protocol: "TCP", targetPort: advertise?.port ?? 6443 };
  const family = { ipFamilies: [ipFamilyOf(serviceAddress)], ipFamilyPolicy: "SingleStack", type: "ClusterIP", sessionAffinity: "None" };
  // Asked for first: a creation would be refused for the address, which is the service's own, before it is for the name.
  if (!(await exists(client, services, metadata)))
    await ensure(client, services, { metadata, spec: { clusterIP: serviceAddress, clusterIPs: [serviceAddress], ports: [port], ...family } });
  // A server that only its own machine reaches has no endpoint that pods could use.
  if (advertise === undefined || isLoopback(advertise.address)) return;
  const { address } = advertise;
  await replace(client, endpoints, {
    metadata: { name: "kubernetes", namespace: "default", labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: [{ addresses: [{ ip: address }], ports: [{ name: "https", port: advertise.port, protocol: "TCP" }] }],
  });
  await replace(client, endpointSlices, {
    metadata: { name: "kubernetes", namespace: "default", labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: ipFamilyOf(address),
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "https", port: advertise.port, protocol: "TCP" }],
  });
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** Creates the object, or brings it to this state: the server may come back under another address. */
async function replace<T extends KubeObject, O extends BootstrapObject>(client: Client, kind: Kind<T>, object: O): Promise<void> {
  const complete = { apiVersion: kind.apiVersion, kind: kind.kind, ...object } as unknown as T;
  try {
    await client.update(kind, complete);
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    await ensure(client, kind, object);
  }
}

/** What extension servers need to know to trust this server's clients. */
async function ensureAuthenticationConfig(client: Client, { clientCa }: BootstrapOptions): Promise<void> {
  const data = clientCa === undefined ? {} : { "client-ca-file": clientCa };
  await replace(client, configMaps, { metadata: { name: "extension-apiserver-authentication", namespace: "kube-system" }, data });
}

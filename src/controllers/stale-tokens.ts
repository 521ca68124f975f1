// Takes tokens out of use that nobody uses: those that once were made for every service account, kept in a secret that the account
// refers to. First such a secret is marked, then, as long again unused, deleted
// (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#auto-generated-legacy-serviceaccount-token-clean-up).
//
// Invariants: what was made by hand stays; a token is judged only after its use was tracked for the whole period.
import {
  annotations,
  type ConfigMap,
  configMaps,
  objectKey,
  type Pod,
  pods,
  type Secret,
  type ServiceAccount,
  secrets,
  serviceAccounts,
  type Volume,
} from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { nothing, type Plan, patch, remove } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";
import { SERVICE_ACCOUNT_TOKEN } from "./serviceaccount-tokens.ts";

const DAY_MS = 24 * 3_600_000;
/** Unused for so long a token is marked, and for so long again deleted. */
const PERIOD_MS = 365 * DAY_MS;
const LAST_USED = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since";
const TRACKING = "kube-system/kube-apiserver-legacy-service-account-token-tracking";

export interface ObservedToken {
  readonly secret: Secret;
  readonly account: ServiceAccount | undefined;
  /** Pods that use the secret. */
  readonly isMounted: boolean;
  /** The day from which on uses are noted. */
  readonly trackedSince: string | undefined;
}

export function planStaleToken({ secret, account, isMounted, trackedSince }: ObservedToken, nowMs: number): Plan {
  const { metadata } = secret;
  if (!(account?.secrets?.some(({ name }) => name === metadata.name) ?? false) || metadata.deletionTimestamp !== undefined) return nothing;
  const trackedMs = dayMs(trackedSince);
  const lastUsed = metadata.labels?.[LAST_USED];
  const usedMs = dayMs(lastUsed);
  // Uses that can't be read may be of today.
  if (trackedMs === undefined || (lastUsed !== undefined && usedMs === undefined)) return nothing;
  // Days count to their end.
  const unusedSinceMs = Math.max(trackedMs + DAY_MS, parseTime(metadata.creationTimestamp) ?? nowMs, usedMs === undefined ? 0 : usedMs + DAY_MS);
  if (nowMs < unusedSinceMs + PERIOD_MS) return later(unusedSinceMs + PERIOD_MS - nowMs);
  if (isMounted) return later(DAY_MS);
  const invalidMs = dayMs(metadata.labels?.[INVALID_SINCE]);
  if (invalidMs === undefined) {
    const labels = { [INVALID_SINCE]: new Date(nowMs).toISOString().slice(0, 10) };
    return { actions: [patch(secrets, secret, { type: "merge", body: { metadata: { uid: metadata.uid ?? "", labels } } })] };
  }
  const dueMs = invalidMs + DAY_MS + PERIOD_MS;
  if (nowMs < dueMs) return later(dueMs - nowMs);
  return { actions: [remove(secrets, secret, { options: { preconditions: { uid: metadata.uid, resourceVersion: metadata.resourceVersion } } })] };
}

function later(waitMs: number): Plan {
  return { actions: [], requeueAfterMs: waitMs };
}

/** The beginning of a day, `2026-01-31`, in UTC. */
function dayMs(day: string | undefined): number | undefined {
  return day !== undefined && /^\d{4}-\d\d-\d\d$/.test(day) ? parseTime(`${day}T00:00:00Z`) : undefined;
}

/** Names of the secrets that a pod uses in whatever way. */
export function secretsOf({ spec }: Pod): ReadonlySet<string> {
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  const names = [
    ...(spec.imagePullSecrets ?? []).map(({ name }) => name),
    ...containers.flatMap(({ env = [], envFrom = [] }) => [
      ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ...envFrom.map(({ secretRef }) => secretRef?.name),
    ]),
    ...(spec.volumes ?? []).flatMap(secretsOfVolume),
  ];
  return new Set(names.filter((name) => name !== undefined));
}

/** Drivers each have their own field for the secret that they need; a volume is small enough to be looked through. */
function secretsOfVolume(volume: Volume): (string | undefined)[] {
  const { secret, projected, name: _name, ...drivers } = volume;
  const referred = Object.values(drivers).flatMap((driver) => {
    const { secretRef, nodePublishSecretRef, secretName } = driver as Partial<Record<string, { readonly name?: string } | string>>;
    return [secretRef, nodePublishSecretRef, secretName].map((reference) => (typeof reference === "object" ? reference.name : reference));
  });
  return [secret?.secretName, ...(projected?.sources ?? []).map((source) => source.secret?.name), ...referred];
}

export const staleTokenController: Controller = controller<Secret, ObservedToken>("legacy-service-account-token-cleaner", {
  for: secrets,
  keyOf: (secret) => (secret.type === SERVICE_ACCOUNT_TOKEN ? objectKey(secret) : undefined),
  wakes: [
    wake(
      configMaps,
      (map: ConfigMap, caches) =>
        objectKey(map) === TRACKING
          ? caches
              .of(secrets)
              .list()
              .filter(({ type }) => type === SERVICE_ACCOUNT_TOKEN)
              .map(objectKey)
          : [],
      (map, old) => map.data !== old.data,
    ),
  ],
  reads: [pods, serviceAccounts],
  observe: (key, caches) => {
    const secret = caches.of(secrets).get(key);
    if (secret === undefined) return undefined;
    const { namespace = "", name, annotations: notes } = secret.metadata;
    const account = caches.of(serviceAccounts).get(`${namespace}/${notes?.[annotations.serviceAccountName] ?? ""}`);
    const uid = notes?.[annotations.serviceAccountUid] ?? "";
    return {
      secret,
      account: uid === "" || account?.metadata.uid === uid ? account : undefined,
      isMounted: caches
        .of(pods)
        .inNamespace(namespace)
        .some((pod) => secretsOf(pod).has(name)),
      trackedSince: caches.of(configMaps).get(TRACKING)?.data?.["since"],
    };
  },
  plan: planStaleToken,
});

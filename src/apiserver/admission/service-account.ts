// ServiceAccount (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#serviceaccount): every pod runs as a service
// account that exists, with its token, the cluster's CA and its namespace mounted, unless the pod or the account says otherwise.
import { type Container, isStatus, type Pod, pods, type ServiceAccount, serviceAccounts, type Volume, type VolumeMount } from "../../api/index.ts";
import { type Env, type Mutable, randomNameSuffix } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import { INJECTED_TOKEN_SECONDS } from "../authentication/service-account-tokens.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, objectOf } from "./denial.ts";
import { isMirrorPod } from "./mirror-pod.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";
import { secretReferenceProblem } from "./secret-references.ts";

const DEFAULT_NAME = "default";
const VOLUME_PREFIX = "kube-api-access-";
const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
const ROOT_CA_CONFIG_MAP = "kube-root-ca.crt";
const ENFORCE_MOUNTABLE_SECRETS_ANNOTATION = "kubernetes.io/enforce-mountable-secrets";
/** A controller makes the default account of a new namespace: it may come a moment after the first pod. */
const DEFAULT_ACCOUNT_ATTEMPTS = 10;

export interface ServiceAccountPluginOptions {
  readonly objects: ObjectReader;
  readonly client: Client;
}

export function serviceAccount(env: Env, { objects, client }: ServiceAccountPluginOptions): AdmissionPlugin {
  async function findLive(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    try {
      return await client.get(serviceAccounts, { namespace, name });
    } catch (error) {
      if (isStatus(error, "NotFound")) return undefined;
      throw error;
    }
  }

  async function find(request: AdmissionRequest, name: string): Promise<ServiceAccount> {
    const { namespace } = request;
    const attempts = name === DEFAULT_NAME ? DEFAULT_ACCOUNT_ATTEMPTS : 1;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const account = objects.get(serviceAccounts, namespace, name) ?? (await findLive(namespace, name));
      if (account !== undefined) return account;
      if (attempt < attempts) await new Promise<void>((resolve) => env.clock.setTimeout(resolve, 100 + env.random.next() * 100));
    }
    throw denied(request, `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`);
  }

  async function mutate(request: AdmissionRequest): Promise<void> {
    const pod = objectOf(request, pods);
    if (pod === undefined || request.operation !== "CREATE" || isMirrorPod(pod as Pod)) return;
    pod.spec.serviceAccountName ||= DEFAULT_NAME;
    // The field's older name always says the same.
    pod.spec.serviceAccount = pod.spec.serviceAccountName;
    const account = await find(request, pod.spec.serviceAccountName);
    if (pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(env, pod);
    if ((pod.spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
      pod.spec.imagePullSecrets = (account.imagePullSecrets ?? []).map(({ name }) => ({ name }));
    }
  }

  async function validate(request: AdmissionRequest): Promise<void> {
    const { operation, namespace } = request;
    const isEphemeral = operation === "UPDATE" && request.subresource === "ephemeralcontainers";
    const pod = objectOf(request, pods, isEphemeral ? "ephemeralcontainers" : "") as Pod | undefined;
    if (pod === undefined || (operation !== "CREATE" && !isEphemeral)) return;
    if (!isEphemeral && isMirrorPod(pod)) return checkMirrorPod(request, pod);
    const name = pod.spec.serviceAccountName ?? "";
    if (name === "") throw denied(request, `no service account specified for pod ${namespace}/${pod.metadata.name ?? ""}`);
    const account = await find(request, name);
    if (account.metadata.annotations?.[ENFORCE_MOUNTABLE_SECRETS_ANNOTATION] !== "true") return;
    const problem = secretReferenceProblem(account, pod, isEphemeral);
    if (problem !== undefined) throw denied(request, problem);
  }

  return { name: "ServiceAccount", mutate, validate };
}

/** A kubelet writes mirror pods: they must not give it access to anything. */
function checkMirrorPod(request: AdmissionRequest, pod: Pod): void {
  if ((pod.spec.serviceAccountName ?? "") !== "") throw denied(request, "a mirror pod may not reference service accounts");
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const volumes = pod.spec.volumes ?? [];
  const hasSecrets =
    (pod.spec.imagePullSecrets ?? []).length > 0 ||
    containers.some(
      ({ env = [], envFrom = [] }) =>
        env.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined) || envFrom.some(({ secretRef }) => secretRef !== undefined),
    ) ||
    volumes.some(
      ({ secret, projected, csi }) =>
        secret !== undefined || csi?.nodePublishSecretRef !== undefined || (projected?.sources ?? []).some((source) => source.secret !== undefined),
    );
  if (hasSecrets) throw denied(request, "a mirror pod may not reference secrets");
  if (volumes.some(({ projected }) => (projected?.sources ?? []).some((source) => source.serviceAccountToken !== undefined))) {
    throw denied(request, "a mirror pod may not use ServiceAccountToken volume projections");
  }
}

/** Mounts the token volume into each container that has nothing at its place. */
function mountToken(env: Env, pod: Mutable<Pod>): void {
  const volumes = pod.spec.volumes ?? [];
  const existing = volumes.find(({ name }) => name.startsWith(VOLUME_PREFIX));
  const name = existing?.name ?? `${VOLUME_PREFIX}${randomNameSuffix(env.random)}`;
  const mount: VolumeMount = { name, readOnly: true, mountPath: MOUNT_PATH };
  let isNeeded = false;
  const containers: Mutable<Container>[] = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  for (const container of containers) {
    const mounts = container.volumeMounts ?? [];
    if (mounts.some(({ mountPath }) => mountPath === MOUNT_PATH)) continue;
    container.volumeMounts = [...mounts, { ...mount }];
    isNeeded = true;
  }
  if (isNeeded && existing === undefined) pod.spec.volumes = [...volumes, tokenVolume(name)];
}

function tokenVolume(name: string): Mutable<Volume> {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: INJECTED_TOKEN_SECONDS, path: "token" } },
        { configMap: { name: ROOT_CA_CONFIG_MAP, items: [{ key: "ca.crt", path: "ca.crt" }] } },
        { downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
      ],
      defaultMode: 0o644,
    },
  };
}

// Fills secrets of type `kubernetes.io/service-account-token` with a token of their service account, and deletes them with it
// (https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets).
//
// Invariants: a token that is there is never replaced; a secret is deleted only after the API itself said that its account is gone.
import { annotations, objectKey, type Secret, type ServiceAccount, secrets, serviceAccounts } from "../api/index.ts";
import { ignoreNotFound, retryOnConflict } from "../client/index.ts";
import { type Controller, type ControllerContext, reconcilingController, wake } from "./controller.ts";
import { secretText } from "./secret-text.ts";

export const SERVICE_ACCOUNT_TOKEN = "kubernetes.io/service-account-token";
const INDEX = "service-account";

/** Issues tokens that are good as long as their secret is. */
export interface SecretTokenIssuer {
  issue(of: { readonly namespace: string; readonly account: string; readonly accountUid: string; readonly secret: string }): Promise<string>;
}

export interface TokenControllerOptions {
  readonly issuer: SecretTokenIssuer;
  /** Put beside the token. */
  readonly rootCaPem: string | undefined;
}

function accountKey(secret: Secret): string[] {
  const name = secret.metadata.annotations?.[annotations.serviceAccountName] ?? "";
  return secret.type === SERVICE_ACCOUNT_TOKEN && name !== "" ? [`${secret.metadata.namespace}/${name}`] : [];
}

/** The account that a secret's token is for: a uid, where the secret names one, must be the account's. */
function isFor({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata.annotations?.[annotations.serviceAccountUid] ?? "";
  return uid === "" || uid === account.metadata.uid;
}

/** What is missing of a token's secret. Pure. */
export function missingParts(secret: Secret, rootCaPem: string | undefined): readonly ("ca.crt" | "namespace" | "token")[] {
  const parts: ("ca.crt" | "namespace" | "token")[] = [];
  if (rootCaPem !== undefined && secretText(secret, "ca.crt") !== rootCaPem) parts.push("ca.crt");
  if (secretText(secret, "namespace") === "") parts.push("namespace");
  if (secretText(secret, "token") === "") parts.push("token");
  return parts;
}

async function complete(context: ControllerContext, secret: Secret, account: ServiceAccount, { issuer, rootCaPem }: TokenControllerOptions): Promise<void> {
  const missing = missingParts(secret, rootCaPem);
  if (missing.length === 0) return;
  const { namespace = "", name } = secret.metadata;
  const of = { namespace, account: account.metadata.name, accountUid: account.metadata.uid ?? "", secret: name };
  const contents: Record<string, string> = {};
  for (const part of missing) contents[part] = part === "token" ? await issuer.issue(of) : part === "namespace" ? namespace : (rootCaPem ?? "");
  const data = { ...secret.data, ...Object.fromEntries(Object.entries(contents).map(([key, text]) => [key, btoa(text)])) };
  const known = { ...secret.metadata.annotations, [annotations.serviceAccountName]: of.account, [annotations.serviceAccountUid]: of.accountUid };
  await ignoreNotFound(context.client.update(secrets, { ...secret, metadata: { ...secret.metadata, annotations: known }, data }));
}

async function findAccount({ client }: ControllerContext, secret: Secret, cached: ServiceAccount | undefined): Promise<ServiceAccount | undefined> {
  if (cached !== undefined && isFor(secret, cached)) return cached;
  const name = secret.metadata.annotations?.[annotations.serviceAccountName] ?? "";
  const live = await ignoreNotFound(client.get(serviceAccounts, { namespace: secret.metadata.namespace, name }));
  return live !== undefined && isFor(secret, live) ? live : undefined;
}

/** The account forgets a secret that went. */
async function dropReference({ client, env }: ControllerContext, account: ServiceAccount, secretName: string): Promise<void> {
  const { namespace, name, uid } = account.metadata;
  await retryOnConflict(env, async () => {
    const live = await ignoreNotFound(client.get(serviceAccounts, { namespace, name }));
    const left = live?.secrets?.filter((reference) => reference.name !== secretName) ?? [];
    if (live === undefined || live.metadata.uid !== uid || left.length === (live.secrets?.length ?? 0)) return;
    await ignoreNotFound(client.update(serviceAccounts, { ...live, secrets: left }));
  });
}

export function serviceAccountTokenController(options: TokenControllerOptions): Controller {
  /** Secret → the account it was of, for when it is gone. */
  const accountOf = new Map<string, string>();
  return reconcilingController<Secret>("serviceaccount-token", {
    for: secrets,
    keyOf: (secret) => (secret.type === SERVICE_ACCOUNT_TOKEN ? objectKey(secret) : undefined),
    // An account that goes takes its tokens along.
    wakes: [
      wake(
        serviceAccounts,
        (account, caches) => caches.of(secrets).byIndex(INDEX, objectKey(account)).map(objectKey),
        () => false,
      ),
    ],
    index: (caches) => caches.of(secrets).addIndex(INDEX, accountKey),
    reconcile: async (key, caches, context) => {
      const secret = caches.of(secrets).get(key);
      const [account] = secret === undefined ? [accountOf.get(key)] : accountKey(secret);
      const cached = account === undefined ? undefined : caches.of(serviceAccounts).get(account);
      if (secret === undefined) {
        accountOf.delete(key);
        if (cached !== undefined) await dropReference(context, cached, key.slice(key.indexOf("/") + 1));
        return undefined;
      }
      if (account === undefined || secret.metadata.deletionTimestamp !== undefined) return undefined;
      accountOf.set(key, account);
      const owner = await findAccount(context, secret, cached);
      if (owner !== undefined) await complete(context, secret, owner, options);
      else await ignoreNotFound(context.client.delete(secrets, secret.metadata, { preconditions: { uid: secret.metadata.uid } }));
      return undefined;
    },
  });
}

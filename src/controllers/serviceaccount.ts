// Keeps a service account `default` in every namespace that is not going away
// (https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts).
import { type Namespace, namespaces, type ServiceAccount, serviceAccounts } from "../api/index.ts";
import { create, nothing, type Plan } from "./action.ts";
import { controller, wake } from "./controller.ts";

const NAME = "default";

export interface ObservedServiceAccount {
  readonly namespace: Namespace;
  readonly account: ServiceAccount | undefined;
}

export function planServiceAccount({ namespace, account }: ObservedServiceAccount): Plan {
  if (account !== undefined || namespace.status?.phase === "Terminating") return nothing;
  const metadata = { name: NAME, namespace: namespace.metadata.name };
  return { actions: [create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata })] };
}

export const serviceAccountController = controller<Namespace, ObservedServiceAccount>("serviceaccount", {
  for: namespaces,
  wakes: [wake(serviceAccounts, ({ metadata }) => (metadata.name === NAME ? [metadata.namespace ?? ""] : []))],
  observe: (key, caches) => {
    const namespace = caches.of(namespaces).get(key);
    return namespace === undefined ? undefined : { namespace, account: caches.of(serviceAccounts).get(`${key}/${NAME}`) };
  },
  plan: planServiceAccount,
});

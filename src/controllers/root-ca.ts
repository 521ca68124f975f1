// Publishes the certificate authority of the API server as ConfigMap `kube-root-ca.crt` in every namespace, and restores it
// when it is changed or deleted (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/).
import { type ConfigMap, configMaps, type Namespace, namespaces } from "../api/index.ts";
import { create, nothing, type Plan, update } from "./action.ts";
import { type Controller, controller, wake } from "./controller.ts";

const NAME = "kube-root-ca.crt";
const FILE = "ca.crt";
const DESCRIPTION = "kubernetes.io/description";
const DESCRIPTION_TEXT =
  "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

export interface ObservedRootCa {
  readonly namespace: Namespace;
  readonly configMap: ConfigMap | undefined;
  readonly rootCaPem: string;
}

export function planRootCa({ namespace, configMap, rootCaPem }: ObservedRootCa): Plan {
  if (namespace.status?.phase === "Terminating") return nothing;
  const data = { [FILE]: rootCaPem };
  if (configMap === undefined) {
    const metadata = { name: NAME, namespace: namespace.metadata.name, annotations: { [DESCRIPTION]: DESCRIPTION_TEXT } };
    return { actions: [create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data })] };
  }
  const keys = Object.keys(configMap.data ?? {});
  const described = configMap.metadata.annotations?.[DESCRIPTION] !== undefined;
  if (keys.length === 1 && configMap.data?.[FILE] === rootCaPem && described) return nothing;
  const metadata = { ...configMap.metadata, annotations: { [DESCRIPTION]: DESCRIPTION_TEXT, ...configMap.metadata.annotations } };
  return { actions: [update(configMaps, { ...configMap, metadata, data })] };
}

export function rootCaController(rootCaPem: string): Controller {
  return controller<Namespace, ObservedRootCa>("root-ca-certificate-publisher", {
    for: namespaces,
    wakes: [wake(configMaps, ({ metadata }) => (metadata.name === NAME ? [metadata.namespace ?? ""] : []))],
    observe: (key, caches) => {
      const namespace = caches.of(namespaces).get(key);
      return namespace === undefined ? undefined : { namespace, configMap: caches.of(configMaps).get(`${key}/${NAME}`), rootCaPem };
    },
    plan: planRootCa,
  });
}

// The admission chain: what runs, and in which order, is upstream's default of v1.36
// (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/). First every plugin may change the object, then every
// plugin may refuse it; quota comes last, for it charges. Webhooks and CEL policies are not called yet: their place is marked, and who
// writes one is told. RBACEscalation and UnenforcedNotice are ours, and no plugins of upstream's.
import type { Env } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { ServerAuthorizer } from "../authorization/create-authorizer.ts";
import type { ObjectReader } from "../object-reader.ts";
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from "./certificates.ts";
import { defaultIngressClass } from "./default-ingress-class.ts";
import { defaultStorageClass } from "./default-storage-class.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { persistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";
import { podResizeValidator } from "./pod-resize.ts";
import { podSecurity } from "./pod-security.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import { priority } from "./priority.ts";
import { rbacEscalation } from "./rbac-escalation.ts";
import { resourceQuota } from "./resource-quota.ts";
import { runtimeClass } from "./runtime-class.ts";
import { serviceAccount } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-object-in-use-protection.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";
import { unenforcedNotice } from "./unenforced-notice.ts";

export interface AdmissionChainOptions {
  readonly objects: ObjectReader;
  /** As the server itself (`system:masters`): live look-ups, and the quota's accounts. */
  readonly client: Client;
  readonly authorizer: ServerAuthorizer;
}

export interface AdmissionChain {
  readonly plugins: readonly AdmissionPlugin[];
  /** Runs every plugin's `mutate`. Throws the `StatusError` of the first that refuses. */
  mutate(request: AdmissionRequest): Promise<void>;
  /** Runs every plugin's `validate`, after the object was validated. */
  validate(request: AdmissionRequest): Promise<void>;
}

export function createAdmissionChain(env: Env, { objects, client, authorizer }: AdmissionChainOptions): AdmissionChain {
  const plugins: readonly AdmissionPlugin[] = [
    namespaceLifecycle(env, { objects, client }),
    limitRanger({ objects }),
    serviceAccount(env, { objects, client }),
    nodeRestriction({ objects, client, authorizer }),
    taintNodesByCondition,
    podSecurity({ objects, client }),
    priority({ objects }),
    defaultTolerationSeconds,
    defaultStorageClass({ objects }),
    storageObjectInUseProtection,
    persistentVolumeClaimResize({ objects }),
    runtimeClass({ objects, client }),
    certificateApproval({ authorizer }),
    certificateSigning({ authorizer }),
    certificateSubjectRestriction,
    defaultIngressClass({ objects }),
    podTopologyLabels({ objects }),
    podResizeValidator({ objects }),
    rbacEscalation({ authorizer }),
    // Here: MutatingAdmissionPolicy, MutatingAdmissionWebhook, ValidatingAdmissionPolicy, ValidatingAdmissionWebhook.
    unenforcedNotice,
    resourceQuota(env, { objects, client }),
  ];
  return {
    plugins,
    async mutate(request) {
      for (const plugin of plugins) {
        const pending = plugin.mutate?.(request);
        if (pending !== undefined) await pending;
      }
    },
    async validate(request) {
      for (const plugin of plugins) {
        const pending = plugin.validate?.(request);
        if (pending !== undefined) await pending;
      }
    },
  };
}

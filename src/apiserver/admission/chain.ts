// The admission chain: what runs, and in which order, is upstream's default of v1.36
// (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/). First every plugin may change the object, then every
// plugin may refuse it; quota comes last, for it charges. When a webhook changed the object all plugins get to change it once more. CEL
// policies are not evaluated yet: their place is marked, and who writes one is told. RBACEscalation and UnenforcedNotice are ours, and no
// plugins of upstream's.
import type { Kind } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { ServerAuthorizer } from "../authorization/create-authorizer.ts";
import type { NodeConnector } from "../node-connector.ts";
import type { ObjectReader } from "../object-reader.ts";
import { WebhookClient } from "../webhooks/webhook-client.ts";
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from "./certificates.ts";
import { defaultIngressClass } from "./default-ingress-class.ts";
import { defaultStorageClass } from "./default-storage-class.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { persistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import type { AdmissionPlugin, AdmissionRequest, MutationRound } from "./plugin.ts";
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
import { mutatingWebhooks, validatingWebhooks } from "./webhooks/webhook.ts";
import { mutatingAdmissionWebhook, validatingAdmissionWebhook } from "./webhooks/webhook-plugins.ts";

export interface AdmissionChainOptions {
  readonly objects: ObjectReader;
  /** As the server itself (`system:masters`): live look-ups, and the quota's accounts. */
  readonly client: Client;
  readonly authorizer: ServerAuthorizer;
  /** All kinds that are served now. */
  readonly kinds: () => readonly Kind[];
  /** The way to webhooks. */
  readonly connector?: NodeConnector | undefined;
}

export interface AdmissionChain {
  readonly plugins: readonly AdmissionPlugin[];
  /** From here on webhooks are called: not by what a starting server writes, which they may need themselves. */
  startWebhooks(): void;
  stop(): void;
  /** Runs every plugin's `mutate`, twice where that is needed. Throws the `StatusError` of the first that refuses. */
  mutate(request: AdmissionRequest): Promise<void>;
  /** Runs every plugin's `validate`, after the object was validated. */
  validate(request: AdmissionRequest): Promise<void>;
}

export function createAdmissionChain(env: Env, { objects, client, authorizer, kinds, connector }: AdmissionChainOptions): AdmissionChain {
  const [mutating, validating] = [mutatingWebhooks(objects), validatingWebhooks(objects)];
  const webhookOptions = { objects, client, kinds, authorizer, calls: new WebhookClient(env, { client, connector }) };
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
    // Here: MutatingAdmissionPolicy.
    mutatingAdmissionWebhook(env, mutating, webhookOptions),
    // Here: ValidatingAdmissionPolicy.
    validatingAdmissionWebhook(env, validating, webhookOptions),
    unenforcedNotice,
    resourceQuota(env, { objects, client }),
  ];
  const walk = async (request: AdmissionRequest, round: MutationRound): Promise<void> => {
    for (const plugin of plugins) {
      const pending = plugin.mutate?.(request, round);
      if (pending !== undefined) await pending;
    }
  };
  return {
    plugins,
    startWebhooks() {
      mutating.start();
      validating.start();
    },
    stop() {
      mutating.stop();
      validating.stop();
    },
    async mutate(request) {
      let again = false;
      const memory = new Map<string, unknown>();
      const needsSecond = (): void => {
        again = true;
      };
      await walk(request, { isSecond: false, memory, needsSecond });
      if (again) await walk(request, { isSecond: true, memory, needsSecond });
    },
    async validate(request) {
      for (const plugin of plugins) {
        const pending = plugin.validate?.(request);
        if (pending !== undefined) await pending;
      }
    },
  };
}

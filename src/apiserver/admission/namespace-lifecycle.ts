// NamespaceLifecycle (https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle): nothing is
// written into a namespace that is not there, nothing new into one that is being deleted, and the system's own stay.
import { type Namespace, namespaces } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { denied, isAbout } from "./denial.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./plugin.ts";

const IMMORTAL_NAMESPACES = ["default", "kube-system", "kube-public"];
/** How long after a deletion the watch cache is not believed when it calls a namespace active. */
const DISTRUST_MS = 30_000;
const DISTRUSTED_KEPT = 1024;
const ACCESS_REVIEWS = ["localsubjectaccessreviews", "subjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"];

export interface NamespaceLifecycleOptions {
  readonly objects: ObjectReader;
  readonly client: Client;
}

export function namespaceLifecycle(env: Env, { objects, client }: NamespaceLifecycleOptions): AdmissionPlugin {
  const deletedAtMs = new Map<string, number>();

  function rememberDeletion(name: string): void {
    const now = env.clock.monotonic();
    if (deletedAtMs.size >= DISTRUSTED_KEPT) {
      for (const [known, at] of deletedAtMs) if (now - at > DISTRUST_MS || deletedAtMs.size >= DISTRUSTED_KEPT) deletedAtMs.delete(known);
    }
    deletedAtMs.set(name, now);
  }

  /** Throws NotFound. */
  async function find(name: string): Promise<Namespace> {
    const cached = objects.get(namespaces, "", name);
    const at = deletedAtMs.get(name);
    const isDistrusted = at !== undefined && env.clock.monotonic() - at <= DISTRUST_MS && cached?.status?.phase === "Active";
    return cached === undefined || isDistrusted ? client.get(namespaces, { name }) : cached;
  }

  async function admit(request: AdmissionRequest): Promise<void> {
    const { operation, name, namespace } = request;
    if (isAbout(request, namespaces, request.subresource)) {
      if (operation !== "DELETE") return;
      if (IMMORTAL_NAMESPACES.includes(name)) throw denied(request, "this namespace may not be deleted");
      rememberDeletion(name);
      return;
    }
    if (namespace === "" || operation === "DELETE" || isAccessReview(request)) return;
    const found = await find(namespace);
    if (operation !== "CREATE" || found.status?.phase !== "Terminating") return;
    throw denied(request, `unable to create new content in namespace ${namespace} because it is being terminated`, [
      { reason: "NamespaceTerminating", message: `namespace ${namespace} is being terminated`, field: "metadata.namespace" },
    ]);
  }

  return { name: "NamespaceLifecycle", mutate: admit };
}

/** Whether a namespace is there is nothing that a review of access may tell. */
function isAccessReview({ kind }: AdmissionRequest): boolean {
  return kind.group === "authorization.k8s.io" && ACCESS_REVIEWS.includes(kind.resource);
}

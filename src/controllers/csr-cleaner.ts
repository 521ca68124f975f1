// Deletes certificate signing requests that have served their time: an hour after they were issued, denied or failed, a day when nothing
// came of them (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#request-signing-process).
import { type CertificateSigningRequest, certificateSigningRequests } from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { nothing, type Plan, remove } from "./action.ts";
import { isIssued } from "./certificate-checks.ts";
import { type Controller, controller } from "./controller.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function planRequestCleaning(request: CertificateSigningRequest, nowMs: number): Plan {
  if (request.metadata.deletionTimestamp !== undefined) return nothing;
  const dueMs = cleaningDueMs(request);
  if (dueMs === undefined) return nothing;
  return nowMs > dueMs ? { actions: [remove(certificateSigningRequests, request)] } : { actions: [], requeueAfterMs: dueMs - nowMs + 1 };
}

/** When the first of its deadlines passes. */
function cleaningDueMs(request: CertificateSigningRequest): number | undefined {
  const { metadata, status } = request;
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return later(metadata.creationTimestamp, DAY_MS);
  const dues = conditions.flatMap(({ type, lastUpdateTime }) => {
    const lifetimeMs =
      type === "Denied" || type === "Failed" || (type === "Approved" && isIssued(request)) ? HOUR_MS : type === "Approved" ? DAY_MS : undefined;
    return lifetimeMs === undefined ? [] : (later(lastUpdateTime, lifetimeMs) ?? []);
  });
  return dues.length === 0 ? undefined : Math.min(...dues);
}

function later(time: string | undefined, durationMs: number): number | undefined {
  const sinceMs = parseTime(time);
  return sinceMs === undefined ? undefined : sinceMs + durationMs;
}

export const csrCleanerController: Controller = controller<CertificateSigningRequest, CertificateSigningRequest>("certificatesigningrequest-cleaner", {
  for: certificateSigningRequests,
  observe: (key, caches) => caches.of(certificateSigningRequests).get(key),
  plan: planRequestCleaning,
});

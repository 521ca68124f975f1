// What the server counts of its requests, under upstream's names (https://kubernetes.io/docs/reference/instrumentation/metrics/).
//
// Clients do not decide how many series there are: only kinds, subresources and verbs that are served become labels. The labels of
// each such combination are made once and kept.
import type { Kind } from "../../api/index.ts";
import type { Counter, Env, Gauge, Histogram, Labels } from "../../base/index.ts";
import { isTrue, type RequestInfo } from "./request-info.ts";

const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const KINDS_OF_REQUEST = { mutating: { request_kind: "mutating" }, readOnly: { request_kind: "readOnly" } };
const READING: ReadonlySet<string> = new Set(["get", "list", "watch"]);
const NO_RESOURCE = { group: "", version: "", resource: "", subresource: "", scope: "" };

/** One combination of labels, and the same with each code that was answered. */
interface LabelSet {
  readonly labels: Labels;
  readonly byCode: Map<number, Labels>;
}

export class RequestMetrics {
  readonly #requests: Counter;
  readonly #durations: Histogram;
  readonly #inflight: Gauge;
  readonly #sets = new Map<string, LabelSet>();

  constructor({ metrics }: Pick<Env, "metrics">) {
    this.#requests = metrics.counter("apiserver_request_total", "Requests, by verb, resource, scope and code.");
    this.#durations = metrics.histogram("apiserver_request_duration_seconds", "Time until the answer begins, but for watches and connections.", BUCKETS);
    this.#inflight = metrics.gauge("apiserver_current_inflight_requests", "Requests that are worked on, but for watches and connections.");
  }

  /** Call what it returns once the request is answered. */
  begin(info: RequestInfo | undefined): () => void {
    const labels = READING.has(info?.resource?.verb ?? info?.verb ?? "get") ? KINDS_OF_REQUEST.readOnly : KINDS_OF_REQUEST.mutating;
    this.#inflight.add(1, labels);
    return () => this.#inflight.add(-1, labels);
  }

  /** `seconds` is absent for what goes on after the answer began. */
  answered(info: RequestInfo | undefined, kind: Kind | undefined, code: number, seconds: number | undefined): void {
    const set = this.#setOf(info, kind);
    let labels = set.byCode.get(code);
    if (labels === undefined) {
      labels = { ...set.labels, code: String(code) };
      set.byCode.set(code, labels);
    }
    this.#requests.add(1, labels);
    if (seconds !== undefined) this.#durations.observe(seconds, set.labels);
  }

  #setOf(info: RequestInfo | undefined, kind: Kind | undefined): LabelSet {
    const { verb, subresource, scope, dryRun } = describe(info, kind);
    const key = `${verb} ${kind?.group}/${kind?.version}/${kind?.resource}/${subresource} ${scope} ${dryRun}`;
    let set = this.#sets.get(key);
    if (set === undefined) {
      const of = kind === undefined ? NO_RESOURCE : { group: kind.group, version: kind.version, resource: kind.resource, subresource, scope };
      set = { labels: { component: "apiserver", verb, dry_run: dryRun, ...of }, byCode: new Map() };
      this.#sets.set(key, set);
    }
    return set;
  }
}

function describe(info: RequestInfo | undefined, kind: Kind | undefined) {
  const { resource } = info ?? {};
  if (info === undefined || kind === undefined || resource === undefined) {
    const verb = info?.verb === "get" || info?.verb === "head" ? "GET" : "OTHER";
    return { verb, subresource: "", scope: "", dryRun: "" };
  }
  const subresource = kind.subresources.get(resource.subresource);
  const verbs = subresource?.verbs ?? kind.verbs;
  return {
    verb: verbs.includes(resource.verb) ? upstreamVerb(resource.verb, subresource?.kind) : "OTHER",
    subresource: subresource?.name ?? "",
    scope: resource.name !== "" ? "resource" : resource.namespace !== "" ? "namespace" : "cluster",
    dryRun: isTrue(info.query.get("dryRun")) ? "All" : "",
  };
}

const UPSTREAM_VERBS: Readonly<Record<string, string>> = { create: "POST", update: "PUT", deletecollection: "DELETECOLLECTION" };

/** Writes go by the names of their methods; what connects to a pod, node or service is one verb. */
function upstreamVerb(verb: string, subresourceKind = ""): string {
  if (subresourceKind.endsWith("Options")) return "CONNECT";
  return UPSTREAM_VERBS[verb] ?? verb.toUpperCase();
}

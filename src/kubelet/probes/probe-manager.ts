// Probes the containers that ask for it, each on its own timer, and turns runs of equal outcomes into verdicts.
//
// Invariants: a probe runs at most once at a time; liveness and readiness wait for startup; a container that failed its
// liveness or startup probe is left alone until its successor runs.
import type { Container, ContainerStatus, Pod, PodStatus, Probe } from "../../api/index.ts";
import { kubernetesVersion } from "../../api/index.ts";
import { type Env, parseTime, type Timer } from "../../base/index.ts";
import type { KubeletHost } from "../host.ts";
import type { PodEvents } from "../pod-events.ts";
import { containerIdOf } from "../pods/container-statuses.ts";
import type { ProbeView } from "../pods/pod-actions.ts";
import { initContainers, isSidecar, isTerminalPhase, podUid } from "../pods/pod-spec.ts";
import type { ReadinessView } from "../pods/pod-status.ts";
import { mayRestartAll, restartsAfter } from "../pods/restart-policy.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { attemptProbe, type ProbeOutcome } from "./probe-attempt.ts";
import { type ProbeKind, ProbeResults } from "./probe-results.ts";

export interface ProbeManager extends ReadinessView, ProbeView {
  /** Starts what the pod asks for and does not run yet. */
  addPod(pod: Pod): void;
  /** The pod is being ended: no probe must restart anything any more. */
  stopLivenessAndStartup(uid: string): void;
  /** A new status of the pod was reported: probes that wait for a container look again. */
  observe(uid: string): void;
  removePod(uid: string): void;
  stop(): void;
}

export interface ProbeManagerParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly events: PodEvents;
  /** The newest pod object, and the status that the kubelet last reported. */
  readonly pod: (uid: string) => Pod | undefined;
  readonly status: (uid: string) => PodStatus | undefined;
  /** A verdict about the pod changed. */
  readonly changed: (uid: string) => void;
}

const ERROR_RETRIES = 3;
/** Containers that started this long before the kubelet were found, not started. */
const ADOPTION_SLACK_MS = 10_000;
const [MAJOR = "1", MINOR = "0"] = kubernetesVersion.replace(/^v/, "").split(".");
const USER_AGENT = `kube-probe/${MAJOR}.${MINOR}`;
const INITIAL = { readiness: "failure", liveness: "success", startup: "unknown" } as const;

export function createProbeManager(env: Env, parts: ProbeManagerParts): ProbeManager {
  return new TimerProbeManager(env, parts);
}

interface Worker {
  readonly uid: string;
  readonly container: Container;
  readonly kind: ProbeKind;
  readonly probe: Probe;
  containerId: string;
  lastOutcome: "success" | "failure" | undefined;
  run: number;
  onHold: boolean;
  probing: boolean;
  /** Nothing is due until the pod's status changes. */
  waiting: boolean;
  /** The pod's status changed while the probe was busy. */
  observed: boolean;
  stopped: boolean;
  timer: Timer | undefined;
}

class TimerProbeManager implements ProbeManager {
  private readonly workers = new Map<string, Worker>();
  private readonly results: ProbeResults;
  private readonly startedMs: number;

  constructor(
    private readonly env: Env,
    private readonly parts: ProbeManagerParts,
  ) {
    this.results = new ProbeResults(parts.changed);
    this.startedMs = env.clock.now();
  }

  addPod(pod: Pod): void {
    for (const container of [...initContainers(pod).filter(isSidecar), ...pod.spec.containers]) {
      this.addWorker(pod, container, "startup", container.startupProbe);
      this.addWorker(pod, container, "readiness", container.readinessProbe);
      this.addWorker(pod, container, "liveness", container.livenessProbe);
    }
  }
  stopLivenessAndStartup(uid: string): void {
    for (const worker of this.workersOf(uid)) if (worker.kind !== "readiness") this.stopWorker(worker);
  }
  observe(uid: string): void {
    for (const worker of this.workersOf(uid)) {
      if (worker.waiting) this.schedule(worker, 0);
      else worker.observed = true;
    }
  }
  removePod(uid: string): void {
    for (const worker of this.workersOf(uid)) this.stopWorker(worker);
  }
  stop(): void {
    for (const worker of [...this.workers.values()]) this.stopWorker(worker);
  }

  liveness(containerId: string): ReturnType<ProbeView["liveness"]> {
    return this.results.get("liveness", containerId);
  }
  startup(containerId: string): ReturnType<ProbeView["startup"]> {
    return this.results.get("startup", containerId);
  }
  isStarted(pod: Pod, status: ContainerStatus, containerId: string): boolean {
    const verdict = this.results.get("startup", containerId);
    if (verdict !== undefined) return verdict === "success";
    return !this.workers.has(workerKey(podUid(pod), status.name, "startup"));
  }
  isReady(pod: Pod, status: ContainerStatus, containerId: string): boolean {
    if (this.results.get("readiness", containerId) === "success") return true;
    const worker = this.workers.get(workerKey(podUid(pod), status.name, "readiness"));
    if (worker === undefined) return true;
    // Found running at our start: it is as ready as it was said to be until its probe says otherwise.
    if (this.results.get("readiness", containerId) === undefined && this.wasAdopted(status)) {
      return pod.status?.containerStatuses?.some(({ name, ready }) => name === status.name && ready) ?? false;
    }
    return false;
  }

  private wasAdopted(status: ContainerStatus): boolean {
    const startedMs = parseTime(status.state?.running?.startedAt);
    return startedMs !== undefined && startedMs < this.startedMs - ADOPTION_SLACK_MS;
  }

  private addWorker(pod: Pod, container: Container, kind: ProbeKind, probe: Probe | undefined): void {
    const key = workerKey(podUid(pod), container.name, kind);
    if (probe === undefined || this.workers.has(key)) return;
    const worker: Worker = {
      uid: podUid(pod),
      container,
      kind,
      probe,
      containerId: "",
      lastOutcome: undefined,
      run: 0,
      onHold: false,
      probing: false,
      waiting: false,
      observed: false,
      stopped: false,
      timer: undefined,
    };
    this.workers.set(key, worker);
    this.schedule(worker, 0);
  }

  private schedule(worker: Worker, delayMs: number): void {
    worker.timer?.cancel();
    if (worker.stopped) return;
    worker.timer = this.env.clock.setTimeout(() => void this.tick(worker), delayMs);
  }

  private async tick(worker: Worker): Promise<void> {
    if (worker.probing || worker.stopped) return;
    worker.probing = true;
    worker.waiting = false;
    worker.observed = false;
    const startedMs = this.env.clock.monotonic();
    const next = await this.probeOnce(worker);
    worker.probing = false;
    if (next === "stop") return this.stopWorker(worker);
    if (next === "wait" && worker.observed) this.schedule(worker, 0);
    else if (next === "wait") worker.waiting = true;
    else if (next === "period") this.schedule(worker, Math.max(0, (worker.probe.periodSeconds ?? 10) * 1000 - (this.env.clock.monotonic() - startedMs)));
    else this.schedule(worker, next.afterMs);
  }

  /** What comes next: the next period, a moment that is known, a change of the pod's status, or nothing any more. */
  private async probeOnce(worker: Worker): Promise<"period" | "wait" | "stop" | { afterMs: number }> {
    const pod = this.parts.pod(worker.uid);
    const status = this.parts.status(worker.uid);
    if (pod === undefined || status === undefined) return "wait";
    if (isTerminalPhase(status.phase)) return "stop";
    const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    const seen = statuses.find(({ name }) => name === worker.container.name);
    if (seen?.containerID === undefined || seen.containerID === "") return "wait";
    this.meet(worker, seen);
    if (worker.onHold) return "wait";
    if (seen.state?.running === undefined) {
      this.results.set(worker.kind, worker.containerId, "failure", worker.uid);
      const ended = seen.state?.terminated;
      const comesBack = ended === undefined || isSidecar(worker.container) || restartsAfter(worker.container, pod, ended.exitCode) || mayRestartAll(pod);
      return comesBack ? "wait" : "stop";
    }
    if (pod.metadata.deletionTimestamp !== undefined && worker.kind !== "readiness") {
      this.results.set(worker.kind, worker.containerId, "success", worker.uid);
      return "stop";
    }
    const dueMs = (parseTime(seen.state.running.startedAt) ?? 0) + (worker.probe.initialDelaySeconds ?? 0) * 1000;
    if (this.env.clock.now() < dueMs) return { afterMs: dueMs - this.env.clock.now() };
    const started = seen.started === true;
    if (started === (worker.kind === "startup")) return "wait";
    await this.attempt(worker, pod, status);
    return "period";
  }

  /** Turns to the container's newest incarnation. */
  private meet(worker: Worker, seen: ContainerStatus): void {
    const id = containerIdOf(seen.containerID ?? "");
    if (worker.containerId === id) return;
    if (worker.containerId !== "") this.results.remove(worker.kind, worker.containerId);
    worker.containerId = id;
    worker.onHold = false;
    worker.run = 0;
    worker.lastOutcome = undefined;
    const adopted = this.wasAdopted(seen);
    if (adopted && worker.kind === "startup" && seen.started === true) this.results.set("startup", id, "success", worker.uid);
    else if (!adopted || worker.kind !== "readiness") this.results.set(worker.kind, id, INITIAL[worker.kind], worker.uid);
  }

  private async attempt(worker: Worker, pod: Pod, status: PodStatus): Promise<void> {
    const { container, containerId, kind, probe } = worker;
    const name = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
    const target = { container, containerId, podIp: status.podIP ?? "", userAgent: USER_AGENT };
    let outcome: ProbeOutcome = { outcome: "error", message: "" };
    for (let tries = 0; tries < ERROR_RETRIES && outcome.outcome === "error"; tries++) {
      outcome = await attemptProbe(this.parts.host, this.parts.runtime, probe, target);
    }
    if (worker.stopped || worker.containerId !== containerId) return;
    if (outcome.outcome === "error") {
      this.parts.events.container(pod, container, "Warning", "Unhealthy", `${name} probe errored and resulted in unknown state: ${outcome.message}`);
      return;
    }
    if (outcome.outcome === "failure") this.parts.events.container(pod, container, "Warning", "Unhealthy", `${name} probe failed: ${outcome.message}`);
    if (outcome.outcome === "warning") this.parts.events.container(pod, container, "Warning", "ProbeWarning", `${name} probe warning: ${outcome.message}`);
    this.count(worker, outcome.outcome === "failure" ? "failure" : "success");
  }

  private count(worker: Worker, outcome: "success" | "failure"): void {
    const { kind, probe } = worker;
    worker.run = worker.lastOutcome === outcome ? worker.run + 1 : 1;
    worker.lastOutcome = outcome;
    const threshold = outcome === "failure" ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1);
    if (worker.run < threshold) return;
    if ((kind === "liveness" && outcome === "failure") || kind === "startup") {
      worker.onHold = true;
      worker.run = 0;
    }
    this.results.set(kind, worker.containerId, outcome, worker.uid);
  }

  private stopWorker(worker: Worker): void {
    worker.stopped = true;
    worker.timer?.cancel();
    if (worker.containerId !== "") this.results.remove(worker.kind, worker.containerId);
    this.workers.delete(workerKey(worker.uid, worker.container.name, worker.kind));
  }
  private workersOf(uid: string): Worker[] {
    return [...this.workers.values()].filter((worker) => worker.uid === uid);
  }
}

function workerKey(uid: string, container: string, kind: ProbeKind): string {
  return `${uid}/${container}/${kind}`;
}

// Probes, lifecycle hooks and the actions they run (https://kubernetes.io/docs/concepts/workloads/pods/probes/).
import { checkNonnegative, checkOneOf, checkRequired } from "../field-checks.ts";
import { type FieldError, type FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { Container, HTTPGetAction, Lifecycle, LifecycleHandler, Probe } from "../generated/types.ts";
import { checkHttpHeaderName, checkPortName, checkPortNumber } from "../names.ts";

const REALTIME_SIGNALS = [
  "SIGRTMIN",
  ...Array.from({ length: 15 }, (_, number) => `SIGRTMIN+${number + 1}`),
  ...Array.from({ length: 14 }, (_, number) => `SIGRTMAX-${14 - number}`),
  "SIGRTMAX",
];
const LINUX_SIGNALS: readonly string[] = [
  ..."ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ"
    .split(" ")
    .map((name) => `SIG${name}`),
  ...REALTIME_SIGNALS,
].sort();
const WINDOWS_SIGNALS: readonly string[] = ["SIGKILL", "SIGTERM"];

export function checkPort(path: FieldPath, port: number | string): FieldError[] {
  const problems = typeof port === "number" ? checkPortNumber(port) : checkPortName(port);
  return problems.map((problem) => invalid(path, port, problem));
}

function checkHttpGet(path: FieldPath, { path: target, port, scheme, httpHeaders = [] }: HTTPGetAction): FieldError[] {
  return [
    ...checkRequired(path.child("path"), target),
    ...checkPort(path.child("port"), port),
    ...checkOneOf(path.child("scheme"), scheme ?? "", ["HTTP", "HTTPS"]),
    ...httpHeaders.flatMap(({ name }) => checkHttpHeaderName(name).map((problem) => invalid(path.child("httpHeaders"), name, problem))),
  ];
}

/** One action of whatever kind. `graceSeconds` bounds a sleep. */
function checkHandler(path: FieldPath, handler: LifecycleHandler & Pick<Probe, "grpc">, graceSeconds: number | undefined): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const checks: readonly (readonly [string, FieldError[] | undefined])[] = [
    ["exec", exec && ((exec.command ?? []).length === 0 ? [required(path.child("exec", "command"))] : [])],
    ["httpGet", httpGet && checkHttpGet(path.child("httpGet"), httpGet)],
    ["tcpSocket", tcpSocket && checkPort(path.child("tcpSocket", "port"), tcpSocket.port)],
    ["grpc", grpc && checkPort(path.child("grpc", "port"), grpc.port)],
    ["sleep", sleep && checkSleep(path.child("sleep"), sleep.seconds, graceSeconds)],
  ];
  const given = checks.filter(([, errors]) => errors !== undefined);
  if (given.length === 0) return [required(path, "must specify a handler type")];
  return given.flatMap(([name, errors = []], position) =>
    position === 0 ? errors : [forbidden(path.child(name), "may not specify more than 1 handler type")],
  );
}

function checkSleep(path: FieldPath, seconds: number, graceSeconds: number | undefined): FieldError[] {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
  return [invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`)];
}

function checkProbe(path: FieldPath, probe: Probe, graceSeconds: number | undefined): FieldError[] {
  const errors = checkHandler(path, probe, graceSeconds);
  const { initialDelaySeconds, timeoutSeconds, periodSeconds, successThreshold, failureThreshold, terminationGracePeriodSeconds: grace } = probe;
  for (const [name, value] of Object.entries({ initialDelaySeconds, timeoutSeconds, periodSeconds, successThreshold, failureThreshold })) {
    errors.push(...checkNonnegative(path.child(name), value));
  }
  if (grace !== undefined && grace <= 0) errors.push(invalid(path.child("terminationGracePeriodSeconds"), grace, "must be greater than 0"));
  return errors;
}

/** A probe that kills counts no successes. */
function checkKillingProbe(path: FieldPath, probe: Probe, graceSeconds: number | undefined): FieldError[] {
  const errors = checkProbe(path, probe, graceSeconds);
  return probe.successThreshold === 1 ? errors : [...errors, invalid(path.child("successThreshold"), probe.successThreshold ?? 0, "must be 1")];
}

function checkReadinessProbe(path: FieldPath, probe: Probe, graceSeconds: number | undefined): FieldError[] {
  const errors = checkProbe(path, probe, graceSeconds);
  const grace = probe.terminationGracePeriodSeconds;
  return grace === undefined ? errors : [...errors, invalid(path.child("terminationGracePeriodSeconds"), grace, "must not be set for readinessProbes")];
}

function checkStopSignal(path: FieldPath, signal: string, os: string | undefined): FieldError[] {
  if (os === undefined) return [forbidden(path, "may not be set for containers with empty `spec.os.name`")];
  const supported = os === "windows" ? WINDOWS_SIGNALS : LINUX_SIGNALS;
  return supported.includes(signal) ? [] : [notSupported(path, signal, supported)];
}

function checkLifecycle(path: FieldPath, lifecycle: Lifecycle, graceSeconds: number | undefined, os: string | undefined): FieldError[] {
  const { postStart, preStop, stopSignal } = lifecycle;
  return [
    ...(postStart === undefined ? [] : checkHandler(path.child("postStart"), postStart, graceSeconds)),
    ...(preStop === undefined ? [] : checkHandler(path.child("preStop"), preStop, graceSeconds)),
    ...(stopSignal === undefined ? [] : checkStopSignal(path.child("stopSignal"), stopSignal, os)),
  ];
}

/** Hooks and probes of a container that keeps running. */
export function checkProbes(path: FieldPath, container: Container, graceSeconds: number | undefined, os: string | undefined): FieldError[] {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  return [
    ...(lifecycle === undefined ? [] : checkLifecycle(path.child("lifecycle"), lifecycle, graceSeconds, os)),
    ...(livenessProbe === undefined ? [] : checkKillingProbe(path.child("livenessProbe"), livenessProbe, graceSeconds)),
    ...(readinessProbe === undefined ? [] : checkReadinessProbe(path.child("readinessProbe"), readinessProbe, graceSeconds)),
    ...(startupProbe === undefined ? [] : checkKillingProbe(path.child("startupProbe"), startupProbe, graceSeconds)),
  ];
}

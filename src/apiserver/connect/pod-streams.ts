// Where the streams of pods are: the kubelet's path for logs, exec, attach and port-forward, and what is checked before the
// kubelet is troubled (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/). Pure.
import { badRequestError, type FieldError, FieldPath, forbidden, invalid, invalidError, normalizeScalar, type Pod } from "../../api/index.ts";

export interface StreamLocation {
  /** Path and query at the kubelet. */
  readonly target: string;
}

/** Throws a BadRequest or Invalid. */
export function logLocation(pod: Pod, query: URLSearchParams): StreamLocation {
  checkLogOptions(pod.metadata.name, query);
  const container = chooseContainer(pod, query.get("container") ?? "");
  const passed = ["follow", "previous", "timestamps", "sinceSeconds", "sinceTime", "limitBytes", "tailLines"];
  const parameters = new URLSearchParams();
  for (const name of passed) {
    const value = query.get(name);
    if (value !== null && value !== "") parameters.set(name, value);
  }
  return located("containerLogs", pod, container, parameters);
}

/** For `exec` and `attach`. Throws a BadRequest. */
export function streamLocation(subresource: "exec" | "attach", pod: Pod, query: URLSearchParams): StreamLocation {
  const container = chooseContainer(pod, query.get("container") ?? "");
  if ((pod.spec.nodeName ?? "") === "") throw badRequestError(`pod ${pod.metadata.name} does not have a host assigned`);
  const phase = pod.status?.phase;
  if (subresource === "exec" && (phase === "Succeeded" || phase === "Failed")) {
    throw badRequestError(`cannot exec into a container in a completed pod; current phase is ${phase}`);
  }
  const parameters = new URLSearchParams();
  for (const [option, parameter, isDefault] of [
    ["stdin", "input", false],
    ["stdout", "output", true],
    ["stderr", "error", true],
    ["tty", "tty", false],
  ] as const) {
    if (isSet(query, option, isDefault)) parameters.set(parameter, "1");
  }
  const streams = ["input", "output", "error"].filter((name) => parameters.has(name));
  if (streams.length === 0) throw badRequestError("you must specify at least one of stdin, stdout, stderr");
  // A terminal has one output.
  if (parameters.has("tty")) parameters.delete("error");
  const command = query.getAll("command");
  if (subresource === "exec") {
    if (command.length === 0) throw badRequestError("you must specify a command");
    for (const word of command) parameters.append("command", word);
  }
  return located(subresource, pod, container, parameters);
}

/** Throws a BadRequest. */
export function portForwardLocation(pod: Pod, query: URLSearchParams): StreamLocation {
  if ((pod.spec.nodeName ?? "") === "") throw badRequestError(`pod ${pod.metadata.name} does not have a host assigned`);
  const ports = query.getAll("ports").flatMap((value) => value.split(","));
  const parameters = new URLSearchParams();
  for (const port of ports) parameters.append("port", port);
  return located("portForward", pod, undefined, parameters);
}

function isSet(query: URLSearchParams, name: string, isDefault: boolean): boolean {
  const value = query.get(name);
  return value === null ? isDefault : value !== "false" && value !== "0";
}

function located(path: string, pod: Pod, container: string | undefined, parameters: URLSearchParams): StreamLocation {
  const { namespace = "", name } = pod.metadata;
  const segments = [path, namespace, name, ...(container === undefined ? [] : [container])].map(encodeURIComponent);
  const query = parameters.toString();
  return { target: `/${segments.join("/")}${query === "" ? "" : `?${query}`}` };
}

/** The container that is meant; the only one, when none is named. Throws a BadRequest. */
function chooseContainer({ metadata, spec }: Pod, asked: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  const names = [...initContainers, ...containers, ...ephemeralContainers].map(({ name }) => name);
  if (asked !== "") {
    if (names.includes(asked)) return asked;
    throw badRequestError(`container ${asked} is not valid for pod ${metadata.name}`);
  }
  const [first, ...others] = containers;
  if (first === undefined) throw badRequestError(`a container name must be specified for pod ${metadata.name}`);
  if (others.length > 0) throw badRequestError(`a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(" ")}]`);
  return first.name;
}

/** Throws Invalid. */
function checkLogOptions(podName: string, query: URLSearchParams): void {
  const errors: FieldError[] = [];
  const check = (name: string, minimum: number, detail: string): void => {
    const text = query.get(name);
    if (text === null || text === "") return;
    const value = Number(text);
    if (!Number.isSafeInteger(value)) throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    if (value < minimum) errors.push(invalid(FieldPath.root(name), value, detail));
  };
  check("tailLines", 0, "must be greater than or equal to 0");
  check("limitBytes", 1, "must be greater than 0");
  check("sinceSeconds", 1, "must be greater than 0");
  if (query.has("sinceSeconds") && query.has("sinceTime")) {
    errors.push(forbidden(FieldPath.root("[]"), "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  }
  const sinceTime = query.get("sinceTime") ?? "";
  const outcome = sinceTime === "" ? undefined : normalizeScalar("time", sinceTime);
  if (outcome?.ok === false && outcome.reason === "form") throw badRequestError(outcome.message);
  // The streams come apart only with a feature that is off.
  if ((query.get("stream") ?? "") !== "") errors.push(forbidden(FieldPath.root("stream"), "may not be specified"));
  if (errors.length > 0) throw invalidError({ group: "", kind: "PodLogOptions" }, podName, errors);
}

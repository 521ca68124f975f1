// Reads a KubeletConfiguration file (kubelet.config.k8s.io/v1beta1, YAML or JSON).
//
// Invariant: nothing in the file is ignored. A field that does not exist is refused; one that exists but is not built may only
// say what this kubelet does anyway, so that the files that kubeadm writes are read, and is refused otherwise.
import { JsonSyntaxError, parseYaml } from "../../api/index.ts";
import { parseDuration, tryParseQuantity } from "../../base/index.ts";
import { FIXED_FIELDS } from "./fixed-fields.ts";
import { DEFAULT_EVICTION_HARD, DEFAULT_KUBELET_CONFIGURATION, type KubeletConfiguration, KubeletConfigurationError } from "./kubelet-configuration.ts";
import { kubeletSettings } from "./kubelet-settings.ts";

const API_VERSION = "kubelet.config.k8s.io/v1beta1";
const KIND = "KubeletConfiguration";

/** What is wrong with a field's value, in words that follow the field's name; undefined: nothing. */
type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === "string" ? undefined : "must be a text");
const flag: Check = (value) => (typeof value === "boolean" ? undefined : "must be true or false");
const texts: Check = (value) => (Array.isArray(value) && value.every((item) => typeof item === "string") ? undefined : "must be a list of texts");
const duration: Check = (value) =>
  typeof value === "string" && (parseDuration(value) ?? -1) >= 0 ? undefined : 'must be a duration of zero or more such as "1m30s"';
const amount: Check = (value) => (typeof value === "string" && tryParseQuantity(value) !== undefined ? undefined : 'must be an amount such as "10Mi"');
function whole(from: number, to = Number.MAX_SAFE_INTEGER): Check {
  const range = to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`;
  return (value) => (typeof value === "number" && Number.isInteger(value) && value >= from && value <= to ? undefined : `must be a whole number ${range}`);
}
const textMap: Check = (value) => (isRecord(value) && Object.values(value).every((item) => typeof item === "string") ? undefined : "must map names to texts");

function entry(fields: Readonly<Record<string, Check>>, needed: readonly string[]): Check {
  return (value) => {
    if (!isRecord(value)) return "must be a list of objects";
    const unknown = Object.keys(value).find((name) => fields[name] === undefined);
    if (unknown !== undefined) return `has an entry with the unknown field "${unknown}"`;
    const missing = needed.find((name) => value[name] === undefined);
    if (missing !== undefined) return `has an entry without "${missing}"`;
    for (const [name, item] of Object.entries(value)) {
      const problem = fields[name]?.(item);
      if (problem !== undefined) return `has an entry whose "${name}" ${problem}`;
    }
    return undefined;
  };
}
function list(item: Check): Check {
  return (value) => (Array.isArray(value) ? value.map(item).find((problem) => problem !== undefined) : "must be a list");
}

const taint = entry({ key: text, value: text, effect: oneOf("NoSchedule", "PreferNoSchedule", "NoExecute") }, ["key", "effect"]);
function oneOf(...values: readonly string[]): Check {
  return (value) => (typeof value === "string" && values.includes(value) ? undefined : `must be one of ${values.join(", ")}`);
}

const CHECKS: Readonly<Record<keyof KubeletConfiguration, Check>> = {
  staticPodPath: text,
  maxPods: whole(0),
  podsPerCore: whole(0),
  podPidsLimit: whole(-1),
  registerWithTaints: list(taint),
  providerID: text,
  nodeStatusMaxImages: whole(-1),
  nodeStatusUpdateFrequency: duration,
  nodeStatusReportFrequency: duration,
  nodeLeaseDurationSeconds: whole(1),
  imageMinimumGCAge: duration,
  imageMaximumGCAge: duration,
  imageGCHighThresholdPercent: whole(0, 100),
  imageGCLowThresholdPercent: whole(0, 100),
  evictionHard: textMap,
  evictionSoft: textMap,
  evictionSoftGracePeriod: textMap,
  evictionMinimumReclaim: textMap,
  evictionPressureTransitionPeriod: duration,
  evictionMaxPodGracePeriod: whole(0),
  mergeDefaultEvictionSettings: flag,
  kubeReserved: textMap,
  systemReserved: textMap,
  enforceNodeAllocatable: texts,
  localStorageCapacityIsolation: flag,
  shutdownGracePeriod: duration,
  shutdownGracePeriodCriticalPods: duration,
  shutdownGracePeriodByPodPriority: list(
    entry({ priority: whole(-2_147_483_648), shutdownGracePeriodSeconds: whole(0) }, ["priority", "shutdownGracePeriodSeconds"]),
  ),
  containerLogMaxSize: amount,
  containerLogMaxFiles: whole(2),
  containerLogMonitorInterval: duration,
};

/** Fields whose zero means "the default", as kubeadm writes it. */
const ZERO_IS_DEFAULT: ReadonlySet<string> = new Set<keyof KubeletConfiguration>([
  "nodeStatusUpdateFrequency",
  "nodeStatusReportFrequency",
  "imageMinimumGCAge",
  "evictionPressureTransitionPeriod",
  "containerLogMonitorInterval",
  "maxPods",
  "nodeLeaseDurationSeconds",
]);

/** `source` is the file's content. Throws `KubeletConfigurationError`. */
export function readKubeletConfiguration(source: string): KubeletConfiguration {
  const given = parseDocument(source);
  const problems: string[] = [];
  const chosen: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (name === "apiVersion" || name === "kind" || value === null) continue;
    if (name in CHECKS) {
      const isZero = value === 0 || (typeof value === "string" && parseDuration(value) === 0);
      if (isZero && ZERO_IS_DEFAULT.has(name)) continue;
      const problem = CHECKS[name as keyof KubeletConfiguration](value);
      if (problem === undefined) chosen[name] = value;
      else problems.push(`${name} ${problem}, not ${JSON.stringify(value)}`);
    } else problems.push(...fixedProblems(name, value));
  }
  if (problems.length > 0) throw new KubeletConfigurationError(problems);
  return completeConfiguration(chosen);
}

/** Defaults for what is not given. Throws `KubeletConfigurationError` for what does not fit together. */
export function completeConfiguration(given: Partial<KubeletConfiguration>): KubeletConfiguration {
  const { nodeStatusUpdateFrequency } = given;
  const configuration: KubeletConfiguration = {
    ...DEFAULT_KUBELET_CONFIGURATION,
    // Who asks for a look at another pace asks for reports at that pace.
    ...(nodeStatusUpdateFrequency === undefined ? {} : { nodeStatusReportFrequency: nodeStatusUpdateFrequency }),
    ...given,
  };
  const merged = configuration.mergeDefaultEvictionSettings ? { ...DEFAULT_EVICTION_HARD, ...configuration.evictionHard } : configuration.evictionHard;
  const complete = { ...configuration, evictionHard: merged };
  kubeletSettings(complete);
  return complete;
}

function parseDocument(source: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    const parsed = parseYaml(source);
    if (parsed.problems.length > 0) throw new KubeletConfigurationError(parsed.problems);
    value = parsed.value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new KubeletConfigurationError([error.message]);
    throw error;
  }
  if (!isRecord(value)) throw new KubeletConfigurationError([`it must be an object with apiVersion ${API_VERSION} and kind ${KIND}`]);
  const { apiVersion, kind } = value;
  if (apiVersion !== API_VERSION || kind !== KIND) {
    const found = `${JSON.stringify(apiVersion ?? "")} and ${JSON.stringify(kind ?? "")}`;
    throw new KubeletConfigurationError([`apiVersion and kind must be ${API_VERSION} and ${KIND}, not ${found}`]);
  }
  return value;
}

/** Problems of a field that this kubelet does not follow, at any depth. */
function fixedProblems(path: string, value: unknown): string[] {
  const accepted = FIXED_FIELDS[path];
  if (accepted !== undefined) {
    if (accepted.some((item) => sameText(item, value))) return [];
    const right = accepted.length === 0 ? "leave it out" : `this kubelet knows only ${accepted.map((item) => JSON.stringify(item)).join(" or ")}`;
    return [`${path}: ${JSON.stringify(value)} is not supported; ${right}`];
  }
  const isParent = Object.keys(FIXED_FIELDS).some((name) => name.startsWith(`${path}.`));
  if (!isParent) return [`unknown field "${path}"`];
  if (!isRecord(value)) return [`${path} must be an object`];
  return Object.entries(value).flatMap(([name, item]) => (item === null ? [] : fixedProblems(`${path}.${name}`, item)));
}

function sameText(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

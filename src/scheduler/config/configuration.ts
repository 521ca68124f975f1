// Reads a KubeSchedulerConfiguration, as `kube-scheduler --config` does
// (https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/): strict decoding, defaults, kube-scheduler's checks.
//
// Nothing is accepted and ignored: what this scheduler cannot do is refused; what makes no difference to it is named in `notices`.
import {
  type DecodeTarget,
  decodeValue,
  duplicate,
  type FieldError,
  FieldPath,
  fieldErrorText,
  forbidden,
  invalid,
  JsonSyntaxError,
  type KubeObject,
  notFound,
  notSupported,
  parseYaml,
  StatusError,
  strictDecodingText,
} from "../../api/index.ts";
import type { Profile } from "../profile.ts";
import type { BackoffOptions } from "../queue.ts";
import { configurablePlugins, plainPlugins } from "./plugin-registry.ts";
import { buildProfile, DEFAULT_SCHEDULER, type DecodedArguments } from "./profiles.ts";
import {
  API_VERSION,
  argumentsTarget,
  type ConfigurablePlugin,
  configurationTarget,
  isConfigurable,
  type PluginArguments,
  type ProfileConfiguration,
  type SchedulerConfiguration,
} from "./schema.ts";

/** What a scheduler is made of. */
export interface SchedulerSettings {
  readonly profiles: readonly Profile[];
  readonly percentageOfNodesToScore: number;
  readonly backoff: BackoffOptions;
  /** Settings that make no difference here, in words for the user. */
  readonly notices: readonly string[];
}

/** The message names every field that is wrong, and what would be right. */
export class SchedulerConfigurationError extends Error {
  override readonly name = "SchedulerConfigurationError";
}

/** From the text of a YAML or JSON file. Throws `SchedulerConfigurationError`. */
export function readSchedulerConfiguration(text: string): SchedulerSettings {
  const value = parse(text);
  const config: SchedulerConfiguration = decode(configurationTarget, value, "");
  const profiles = profilesOf(config);
  const errors = checkGeneral(config);
  const names = profiles.map(({ schedulerName }) => schedulerName);
  const built = profiles.map((profile, index) => {
    const path = FieldPath.root("profiles").index(index);
    const first = names.indexOf(profile.schedulerName);
    if (first < index) errors.push(duplicate(path.child("schedulerName"), FieldPath.root("profiles").index(first).child("schedulerName").toString()));
    errors.push(...checkPercentage(profile.percentageOfNodesToScore, path.child("percentageOfNodesToScore")));
    const args = argumentsOf(profile, path, errors);
    // Plugins are only made from arguments that are right.
    const { profile: result, errors: problems } = buildProfile(profile, errors.length === 0 ? args : {}, path);
    errors.push(...problems);
    return result;
  });
  if (errors.length > 0) throw new SchedulerConfigurationError(listed(errors.map(fieldErrorText)));
  return {
    profiles: built.flatMap((profile) => profile ?? []),
    percentageOfNodesToScore: config.percentageOfNodesToScore ?? 0,
    backoff: backoffOf(config),
    notices: noticesOf(config),
  };
}

function parse(text: string): unknown {
  try {
    const { value, problems } = parseYaml(text);
    if (problems.length > 0) throw new SchedulerConfigurationError(strictDecodingText(problems));
    return checkKind(value);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new SchedulerConfigurationError(error.message);
    throw error;
  }
}

function checkKind(value: unknown): unknown {
  const { apiVersion, kind } = (typeof value === "object" && value !== null ? value : {}) as { apiVersion?: unknown; kind?: unknown };
  if (typeof kind !== "string" || kind === "") throw new SchedulerConfigurationError("Object 'Kind' is missing: it must be KubeSchedulerConfiguration");
  if (apiVersion === API_VERSION && kind === configurationTarget.kind) return value;
  throw new SchedulerConfigurationError(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion ?? "")}; it must be ${configurationTarget.kind} of ${API_VERSION}`,
  );
}

function decode<T extends KubeObject>(target: DecodeTarget<T>, value: unknown, where: string): T {
  try {
    return decodeValue(target, value, "Strict").object as T;
  } catch (error) {
    if (error instanceof StatusError) throw new SchedulerConfigurationError(`${where}${error.message}`);
    throw error;
  }
}

/** A single profile need not say its name. */
function profilesOf({ profiles = [] }: SchedulerConfiguration): readonly ProfileConfiguration[] {
  const [only, ...others] = profiles;
  if (only === undefined) return [{ schedulerName: DEFAULT_SCHEDULER }];
  return others.length === 0 ? [{ ...only, schedulerName: only.schedulerName ?? DEFAULT_SCHEDULER }] : profiles;
}

function argumentsOf({ pluginConfig = [] }: ProfileConfiguration, path: FieldPath, errors: FieldError[]): DecodedArguments {
  const decoded: Record<string, unknown> = {};
  for (const [index, { name = "", args = {} }] of pluginConfig.entries()) {
    const at = path.child("pluginConfig").index(index);
    if (Object.hasOwn(decoded, name)) errors.push(duplicate(at, name));
    else if (isConfigurable(name)) decoded[name] = checkedArguments(name, args, at, errors);
    else if (plainPlugins.has(name)) errors.push(forbidden(at.child("args"), `plugin ${name} has no arguments`));
    else errors.push(notFound(at.child("name"), name));
  }
  return decoded;
}

function checkedArguments<Name extends ConfigurablePlugin>(name: Name, value: unknown, path: FieldPath, errors: FieldError[]): PluginArguments[Name] {
  const args: PluginArguments[Name] = decode(argumentsTarget(name), value, `decoding .${path}: `);
  errors.push(...configurablePlugins[name].check(args, path.child("args")));
  return args;
}

function checkPercentage(percentage: number | undefined, path: FieldPath): FieldError[] {
  return percentage !== undefined && (percentage < 0 || percentage > 100) ? [invalid(path, percentage, "not in valid range [0-100]")] : [];
}

function checkGeneral(config: SchedulerConfiguration): FieldError[] {
  const { parallelism, leaderElection, podInitialBackoffSeconds: first = 1, podMaxBackoffSeconds: longest = 10, extenders = [] } = config;
  const root = (name: string): FieldPath => FieldPath.root(name);
  const errors = checkPercentage(config.percentageOfNodesToScore, root("percentageOfNodesToScore"));
  if (parallelism !== undefined && parallelism <= 0) errors.push(invalid(root("parallelism"), parallelism, "should be an integer value greater than zero"));
  if (first <= 0) errors.push(invalid(root("podInitialBackoffSeconds"), first, "must be greater than 0"));
  if (longest < first) errors.push(invalid(root("podMaxBackoffSeconds"), longest, "must be greater than or equal to PodInitialBackoffSeconds"));
  if (extenders.length > 0)
    errors.push(forbidden(root("extenders"), "scheduler extenders are not built; a second scheduler under its own schedulerName can do their work"));
  const lock = leaderElection?.["resourceLock"];
  if (leaderElection?.leaderElect === true && lock !== undefined && lock !== "leases")
    errors.push(notSupported(root("leaderElection").child("resourceLock"), lock, ["leases"]));
  return errors;
}

function backoffOf({ podInitialBackoffSeconds: first = 1, podMaxBackoffSeconds: longest = 10 }: SchedulerConfiguration): BackoffOptions {
  return { firstMs: first * 1000, longestMs: longest * 1000 };
}

function noticesOf(config: SchedulerConfiguration): string[] {
  const settings: readonly (readonly [isSet: boolean, name: string, why: string])[] = [
    [config.parallelism !== undefined, "parallelism", "decisions are made one after the other"],
    [config.leaderElection?.leaderElect === true, "leaderElection", "the scheduler runs in the process of the one control plane"],
    [config.clientConnection !== undefined, "clientConnection", "the scheduler reaches the API inside its own process"],
    [config.enableProfiling === true || config.enableContentionProfiling === true, "enableProfiling", "there is no profiling endpoint"],
    [config.delayCacheUntilActive === true, "delayCacheUntilActive", "the scheduler is always active"],
  ];
  return settings.filter(([isSet]) => isSet).map(([, name, why]) => `${name} makes no difference here: ${why}`);
}

function listed(texts: readonly string[]): string {
  return texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
}

// From what a configuration says of a profile to the plugins that run at each extension point: the default ones, with those taken out
// and put in that the profile names (https://kubernetes.io/docs/reference/scheduling/config/#multipoint).
import { duplicate, type FieldError, FieldPath, invalid, notFound, required } from "../../api/index.ts";
import type { Plugin } from "../plugin.ts";
import { type EnabledPlugin, EXTENSION_POINTS, type ExtensionPoint, type Profile } from "../profile.ts";
import { configurablePlugins, DEFAULT_BINDER, PRIORITY_SORT, plainPlugins } from "./plugin-registry.ts";
import {
  CONFIG_POINTS,
  type ConfigPoint,
  type ConfigurablePlugin,
  isConfigurable,
  type ListedPlugin,
  type ListedPlugins,
  type PluginArguments,
  type PluginSet,
  type ProfileConfiguration,
} from "./schema.ts";

export const DEFAULT_SCHEDULER = "default-scheduler";

/**
 * What runs where nothing else is said, wherever it can, in this order; the cheap and final filters come first
 * (https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins).
 */
const DEFAULT_PLUGINS: readonly { readonly name: string; readonly weight?: number }[] = [
  { name: "SchedulingGates" },
  { name: PRIORITY_SORT },
  { name: "NodeUnschedulable" },
  { name: "NodeName" },
  { name: "TaintToleration", weight: 3 },
  { name: "NodeAffinity", weight: 2 },
  { name: "NodePorts" },
  { name: "NodeResourcesFit", weight: 1 },
  { name: "VolumeRestrictions" },
  { name: "NodeVolumeLimits" },
  { name: "VolumeBinding" },
  { name: "VolumeZone" },
  { name: "PodTopologySpread", weight: 2 },
  { name: "InterPodAffinity", weight: 2 },
  { name: "DynamicResources" },
  { name: "DefaultPreemption" },
  { name: "NodeResourcesBalancedAllocation", weight: 1 },
  { name: "ImageLocality", weight: 1 },
  { name: DEFAULT_BINDER },
  { name: "NodeDeclaredFeatures" },
];

/** Arguments as they were decoded; of plugins that are not among them, the defaults hold. */
export type DecodedArguments = { readonly [Name in ConfigurablePlugin]?: PluginArguments[Name] };

export type BuiltProfile =
  | { readonly profile: Profile; readonly errors: readonly [] }
  | { readonly profile: undefined; readonly errors: readonly FieldError[] };

export function buildProfile(config: ProfileConfiguration, args: DecodedArguments, path: FieldPath): BuiltProfile {
  const { schedulerName = "", percentageOfNodesToScore, plugins: listed = {} } = config;
  const builder = new ProfileBuilder(args, path.child("plugins"));
  const multiPoint = merged(DEFAULT_PLUGINS, listed.multiPoint);
  const at = Object.fromEntries(CONFIG_POINTS.map((point) => [point, builder.pluginsAt(point, multiPoint, listed[point])])) as Record<
    ConfigPoint,
    EnabledPlugin[]
  >;
  builder.checkPairs(at, listed);
  const errors = [...(schedulerName === "" ? [required(path.child("schedulerName"))] : []), ...builder.errors];
  if (errors.length > 0) return { profile: undefined, errors };
  const plugins = [...new Set(CONFIG_POINTS.flatMap((point) => at[point].map(({ plugin }) => plugin)))];
  const points = Object.fromEntries(EXTENSION_POINTS.map((point) => [point, at[point]])) as Record<ExtensionPoint, EnabledPlugin[]>;
  return { profile: { schedulerName, ...(percentageOfNodesToScore !== undefined && { percentageOfNodesToScore }), plugins, at: points }, errors: [] };
}

/** The default list without what is disabled, with what is enabled in the place of its namesake or at the end. */
function merged(defaults: readonly ListedPlugin[], { enabled = [], disabled = [] }: PluginSet = {}): readonly ListedPlugin[] {
  const isDisabled = (name: string | undefined): boolean => disabled.some((other) => other.name === "*" || other.name === name);
  const kept = defaults.filter(({ name }) => !isDisabled(name)).map((plugin) => enabled.find(({ name }) => name === plugin.name) ?? plugin);
  return [...kept, ...enabled.filter(({ name }) => !kept.some((other) => other.name === name))];
}

/** Every plugin of a profile is made once. */
class ProfileBuilder {
  readonly errors: FieldError[] = [];
  private readonly made = new Map<string, Plugin>();

  constructor(
    private readonly args: DecodedArguments,
    private readonly path: FieldPath,
  ) {}

  /** Those that override their MultiPoint entry, the other MultiPoint ones, then those that the point alone has. */
  pluginsAt(point: ConfigPoint, multiPoint: readonly ListedPlugin[], { enabled = [], disabled = [] }: PluginSet = {}): EnabledPlugin[] {
    const own = enabled.flatMap((entry, index) => this.enable(entry, point, this.path.child(point, "enabled").index(index)));
    for (const [index, { name }] of enabled.entries()) {
      const isAgain = enabled.findIndex((other) => other.name === name) < index;
      if (isAgain) this.errors.push(duplicate(this.path.child(point, "enabled").index(index), name ?? ""));
    }
    if (disabled.some(({ name }) => name === "*")) return own;
    const general = multiPoint
      .filter(({ name }) => !disabled.some((other) => other.name === name))
      .flatMap((entry, index) => {
        const plugin = this.pluginOf(entry.name ?? "", this.path.child("multiPoint", "enabled").index(index));
        return plugin !== undefined && extendsPoint(plugin, point) ? [{ plugin, ...(entry.weight !== undefined && { weight: entry.weight }) }] : [];
      });
    const isIn = (list: readonly EnabledPlugin[], plugin: Plugin): boolean => list.some((other) => other.plugin === plugin);
    return [
      ...own.filter(({ plugin }) => isIn(general, plugin)),
      ...general.filter(({ plugin }) => !isIn(own, plugin)),
      ...own.filter(({ plugin }) => !isIn(general, plugin)),
    ];
  }

  /** A plugin that looks at a pod first and then at nodes does both, or neither; every profile sorts and binds. */
  checkPairs(at: Readonly<Record<ConfigPoint, readonly EnabledPlugin[]>>, listed: ListedPlugins): void {
    for (const [first, second] of [
      ["preFilter", "filter"],
      ["preScore", "score"],
      ["reserve", "preBind"],
    ] as const) {
      for (const { plugin } of at[second]) {
        if (!extendsPoint(plugin, first) || at[first].some((other) => other.plugin === plugin)) continue;
        this.errors.push(invalid(this.path.child(first, "disabled"), plugin.name, `it runs at ${second}, which needs it here; disable both`));
      }
    }
    if (at.queueSort.length === 0)
      this.errors.push(required(this.path.child("queueSort"), `one queue sort plugin is needed, and the one there is ${PRIORITY_SORT}`));
    if (at.bind.length === 0) this.errors.push(required(this.path.child("bind"), `at least one bind plugin is needed, and the one there is ${DEFAULT_BINDER}`));
    for (const point of ["queueSort", "bind"] as const) {
      if ((listed[point]?.enabled ?? []).length > 1)
        this.errors.push(
          invalid(
            this.path.child(point, "Enabled"),
            listed[point]?.enabled?.length,
            `only one ${point === "bind" ? "bind" : "queue sort"} plugin can be enabled`,
          ),
        );
    }
  }

  private enable({ name = "", weight }: ListedPlugin, point: ConfigPoint, path: FieldPath): EnabledPlugin[] {
    const plugin = this.pluginOf(name, path);
    if (plugin === undefined) return [];
    if (extendsPoint(plugin, point)) return [{ plugin, ...(weight !== undefined && { weight }) }];
    this.errors.push(invalid(path, name, `plugin ${JSON.stringify(name)} does not extend ${goTypeOf(point)} plugin`));
    return [];
  }

  private pluginOf(name: string, path: FieldPath): Plugin | undefined {
    const plugin = this.made.get(name) ?? plainPlugins.get(name) ?? (isConfigurable(name) ? this.create(name) : undefined);
    if (plugin !== undefined) this.made.set(name, plugin);
    else if (!this.errors.some((error) => error.path === path.child("name").toString())) this.errors.push(notFound(path.child("name"), name));
    return plugin;
  }

  private create<Name extends ConfigurablePlugin>(name: Name): Plugin {
    const args: PluginArguments[Name] = this.args[name] ?? {};
    return configurablePlugins[name].create(args);
  }
}

function extendsPoint(plugin: Plugin, point: ConfigPoint): boolean {
  if (point === "queueSort") return plugin.name === PRIORITY_SORT;
  if (point === "bind") return plugin.name === DEFAULT_BINDER;
  return point !== "permit" && point !== "postBind" && plugin[point] !== undefined;
}

function goTypeOf(point: ConfigPoint): string {
  return `${point.charAt(0).toUpperCase()}${point.slice(1)}Plugin`;
}

/** What runs where there is no configuration. */
export const defaultProfile: Profile = (() => {
  const { profile } = buildProfile({ schedulerName: DEFAULT_SCHEDULER }, {}, FieldPath.root("profiles").index(0));
  if (profile === undefined) throw new Error("the default profile cannot be built");
  return profile;
})();

import { describe, expect, it } from "vitest";
import { decide, preempt, scoresOf, testCluster, testNode, testPod } from "../testing.ts";
import { readSchedulerConfiguration } from "./configuration.ts";
import { defaultProfile } from "./profiles.ts";

const read = (body: string) => readSchedulerConfiguration(`apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n${body}`);
const profileOf = (body: string) => {
  const [profile] = read(body).profiles;
  if (profile === undefined) throw new Error("there is no profile");
  return profile;
};
const namesAt = (profile: ReturnType<typeof profileOf>, point: keyof typeof profile.at): string[] => profile.at[point].map(({ plugin }) => plugin.name);

describe("a scheduler configuration", () => {
  it("that says nothing is the default one", () => {
    const { profiles, backoff, percentageOfNodesToScore, notices } = read("");
    expect(profiles.map(({ schedulerName }) => schedulerName)).toEqual(["default-scheduler"]);
    expect(profiles[0]?.plugins.map(({ name }) => name)).toEqual(defaultProfile.plugins.map(({ name }) => name));
    expect({ backoff, percentageOfNodesToScore, notices }).toEqual({ backoff: { firstMs: 1000, longestMs: 10_000 }, percentageOfNodesToScore: 0, notices: [] });
    expect(namesAt(defaultProfile, "filter").slice(0, 5)).toEqual(["NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts"]);
    expect(defaultProfile.at.postFilter.map(({ plugin }) => plugin.name)).toEqual(["DynamicResources", "DefaultPreemption"]);
  });

  it("sets times, shares and several profiles", () => {
    const settings = read(`
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 30
percentageOfNodesToScore: 70
profiles:
- schedulerName: one
- schedulerName: two
  percentageOfNodesToScore: 20
`);
    expect(settings.backoff).toEqual({ firstMs: 2000, longestMs: 30_000 });
    expect(settings.profiles.map(({ schedulerName, percentageOfNodesToScore }) => [schedulerName, percentageOfNodesToScore])).toEqual([
      ["one", undefined],
      ["two", 20],
    ]);
  });

  it("puts plugins in and out, everywhere or at one extension point", () => {
    const profile = profileOf(`
profiles:
- plugins:
    multiPoint: {disabled: [{name: InterPodAffinity}, {name: DynamicResources}]}
    filter: {enabled: [{name: NodeResourcesFit}]}
    postFilter: {disabled: [{name: "*"}]}
    score: {disabled: [{name: ImageLocality}], enabled: [{name: NodeAffinity, weight: 50}]}
`);
    expect(profile.plugins.map(({ name }) => name)).not.toContain("InterPodAffinity");
    // What a point lists itself comes first there.
    expect(namesAt(profile, "filter")[0]).toBe("NodeResourcesFit");
    expect(namesAt(profile, "score")).not.toContain("ImageLocality");
    expect(profile.at.score[0]).toMatchObject({ plugin: { name: "NodeAffinity" }, weight: 50 });
    expect(namesAt(profile, "postFilter")).toEqual([]);
    expect(
      preempt(testCluster([testNode("a")], [[testPod("low", { priority: 1 }, { cpu: "2" }), "a"]]), testPod("p", { priority: 9 }, { cpu: "2" }), profile),
    ).toBe("");
  });

  it("gives plugins their arguments", () => {
    const profile = profileOf(`
profiles:
- pluginConfig:
  - name: NodeResourcesFit
    args:
      ignoredResources: [example.com/gpu]
      ignoredResourceGroups: [vendor.io]
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}
  - name: NodeAffinity
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeAffinityArgs
      addedAffinity:
        requiredDuringSchedulingIgnoredDuringExecution:
          nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: In, values: [batch]}]}]
`);
    const batch = testNode("batch", { labels: { pool: "batch" } });
    expect(decide(testCluster([testNode("a"), batch]), testPod("p", {}, { "example.com/gpu": "1", "vendor.io/fpga": "1" }), profile)).toBe("batch");
    expect(decide(testCluster([testNode("a")]), testPod("p"), profile)).toBe(
      "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity.",
    );
    const fit = profile.plugins.find(({ name }) => name === "NodeResourcesFit");
    if (fit === undefined) throw new Error("there is no NodeResourcesFit");
    const cluster = testCluster([testNode("a"), testNode("b")], [[testPod("other", {}, { cpu: "1" }), "a"]]);
    expect(scoresOf(fit, cluster, testPod("p", {}, { cpu: "500m" }))).toEqual([75, 25]);
  });

  it("names the settings that make no difference", () => {
    expect(read("parallelism: 8\nleaderElection: {leaderElect: true}\n").notices).toEqual([
      "parallelism makes no difference here: decisions are made one after the other",
      "leaderElection makes no difference here: the scheduler runs in the process of the one control plane",
    ]);
  });

  it.each<[string, string]>([
    ["parallelism: 0", "parallelism: Invalid value: 0: should be an integer value greater than zero"],
    ["percentageOfNodesToScore: 101", "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"],
    ["podInitialBackoffSeconds: 20", "podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds"],
    ["profiles: [{schedulerName: a}, {schedulerName: a}]", 'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"'],
    ["profiles: [{schedulerName: a}, {}]", "profiles[1].schedulerName: Required value"],
    ["extenders: [{urlPrefix: x}]", "extenders: Forbidden: scheduler extenders are not built"],
    ["profiles: [{plugins: {score: {enabled: [{name: Foo}]}}}]", 'profiles[0].plugins.score.enabled[0].name: Not found: "Foo"'],
    ["profiles: [{plugins: {score: {enabled: [{name: NodeName}]}}}]", 'plugin "NodeName" does not extend ScorePlugin plugin'],
    ["profiles: [{plugins: {preFilter: {disabled: [{name: NodeResourcesFit}]}}}]", "it runs at filter, which needs it here; disable both"],
    ["profiles: [{plugins: {bind: {disabled: [{name: DefaultBinder}]}}}]", "profiles[0].plugins.bind: Required value: at least one bind plugin is needed"],
    ["profiles: [{pluginConfig: [{name: NodeName, args: {a: 1}}]}]", "profiles[0].pluginConfig[0].args: Forbidden: plugin NodeName has no arguments"],
    ["profiles: [{pluginConfig: [{name: Foo}]}]", 'profiles[0].pluginConfig[0].name: Not found: "Foo"'],
    ["profiles: [{pluginConfig: [{name: NodeAffinity}, {name: NodeAffinity}]}]", 'profiles[0].pluginConfig[1]: Duplicate value: "NodeAffinity"'],
    ["parallel: 3", 'strict decoding error: unknown field "parallel"'],
    ["percentageOfNodesToScore: many", "cannot unmarshal string"],
    ["parallelism: 1\nparallelism: 2", "already set in map"],
    [
      "profiles: [{pluginConfig: [{name: NodeAffinity, args: {added: 1}}]}]",
      'decoding .profiles[0].pluginConfig[0]: NodeAffinityArgs in version "v1" cannot be handled',
    ],
  ])("is refused with %s", (body, message) => {
    expect(() => read(body)).toThrow(message);
  });

  it.each<[string, string, string]>([
    ["InterPodAffinity", "{hardPodAffinityWeight: 101}", "hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]"],
    ["DefaultPreemption", "{minCandidateNodesPercentage: 101}", "minCandidateNodesPercentage: Invalid value: 101: not in valid range [0, 100]"],
    ["DefaultPreemption", "{minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}", "cannot be zero at the same time as minCandidateNodesAbsolute"],
    [
      "NodeResourcesFit",
      "{scoringStrategy: {type: Best}}",
      'type: Unsupported value: "Best": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"',
    ],
    ["NodeResourcesFit", "{scoringStrategy: {type: RequestedToCapacityRatio}}", "requestedToCapacityRatio: Required value: must be specified when type is"],
    [
      "NodeResourcesFit",
      "{scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 50, score: 1}, {utilization: 10, score: 11}]}}}",
      "[profiles[0].pluginConfig[0].args.scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 10: values must be sorted in increasing order, ",
    ],
    ["NodeResourcesFit", "{ignoredResourceGroups: [a/b]}", "resource group name can't contain '/'"],
    [
      "NodeResourcesFit",
      "{scoringStrategy: {type: LeastAllocated, resources: [{name: cpu, weight: 101}]}}",
      "resource weight of cpu not in valid range (0, 100]",
    ],
    ["NodeResourcesBalancedAllocation", "{resources: [{name: cpu, weight: 2}]}", "resources[0].weight: Invalid value: 2: must be 1"],
    [
      "PodTopologySpread",
      "{defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}",
      "when .defaultConstraints are not empty",
    ],
    [
      "PodTopologySpread",
      "{defaultingType: List, defaultConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: Never}]}",
      'defaultConstraints[0].whenUnsatisfiable: Unsupported value: "Never": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
    ["VolumeBinding", "{bindTimeoutSeconds: -1}", "invalid BindTimeoutSeconds, should not be a negative value"],
    ["VolumeBinding", "{shape: [{utilization: 0, score: 0}]}", "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring"],
    ["DynamicResources", "{filterTimeout: 5s}", "this scheduler does not allocate devices"],
  ])("refuses arguments of %s: %s", (name, args, message) => {
    expect(() => read(`profiles: [{pluginConfig: [{name: ${name}, args: ${args}}]}]`)).toThrow(message);
  });

  it.each<[string, string]>([
    [
      "apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration",
      'no kind "KubeSchedulerConfiguration" is registered for version "kubescheduler.config.k8s.io/v1beta3"',
    ],
    ["profiles: []", "Object 'Kind' is missing"],
    ["a: [", "yaml: line 1"],
  ])("must be one: %j", (text, message) => {
    expect(() => readSchedulerConfiguration(text)).toThrow(message);
  });
});

import { describe, expect, it } from "vitest";
import { DEFAULT_KUBELET_CONFIGURATION } from "./kubelet-configuration.ts";
import { kubeletSettings } from "./kubelet-settings.ts";
import { completeConfiguration, readKubeletConfiguration } from "./read-configuration.ts";

const HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
const read = (text: string) => readKubeletConfiguration(`${HEAD}${text}`);

it("gives upstream's defaults for an empty configuration", () => {
  expect(read("")).toEqual(DEFAULT_KUBELET_CONFIGURATION);
});

it("reads what kubeadm writes, whose zeros mean the defaults", () => {
  const written = `
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 0s, enabled: true}
authorization:
  mode: Webhook
  webhook: {cacheAuthorizedTTL: 0s, cacheUnauthorizedTTL: 0s}
cgroupDriver: cgroupfs
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
logging:
  flushFrequency: 0
  options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}
  verbosity: 0
memorySwap: {}
nodeStatusReportFrequency: 0s
rotateCertificates: false
shutdownGracePeriod: 0s
staticPodPath: /etc/kubernetes/manifests
syncFrequency: 0s
`;
  expect(read(written)).toEqual({ ...DEFAULT_KUBELET_CONFIGURATION, staticPodPath: "/etc/kubernetes/manifests" });
});

it("takes what is given, and a default threshold only when asked to", () => {
  expect(read("evictionHard: {memory.available: 1Gi}").evictionHard).toEqual({ "memory.available": "1Gi" });
  const merged = read("evictionHard: {memory.available: 1Gi}\nmergeDefaultEvictionSettings: true").evictionHard;
  expect(merged).toMatchObject({ "memory.available": "1Gi", "nodefs.available": "10%" });
  expect(read("nodeStatusUpdateFrequency: 30s").nodeStatusReportFrequency).toBe("30s");
});

describe("refuses", () => {
  const cases: [what: string, text: string, message: string][] = [
    ["a field that does not exist", "maxPod: 5", 'unknown field "maxPod"'],
    ["a nested field that does not exist", "authentication: {anonymous: {allowed: true}}", 'unknown field "authentication.anonymous.allowed"'],
    ["a field that is not built", "cpuManagerPolicy: static", 'cpuManagerPolicy: "static" is not supported; this kubelet knows only "none" or ""'],
    ["a field that may not be set", "tlsCertFile: /a", 'tlsCertFile: "/a" is not supported; leave it out'],
    ["a wrong type", 'maxPods: "many"', 'maxPods must be a whole number of at least 0, not "many"'],
    ["a wrong duration", "imageMinimumGCAge: 2 minutes", 'imageMinimumGCAge must be a duration of zero or more such as "1m30s", not "2 minutes"'],
    ["a taint without effect", "registerWithTaints: [{key: a}]", 'registerWithTaints has an entry without "effect", not [{"key":"a"}]'],
    ["an unknown signal", "evictionHard: {disk.available: 5%}", "evictionHard: unsupported eviction signal disk.available; there are "],
    [
      "a soft threshold without a grace period",
      "evictionSoft: {memory.available: 200Mi}",
      "grace period must be specified for the soft eviction threshold memory.available",
    ],
    ["a low mark above the high one", "imageGCLowThresholdPercent: 90", "imageGCLowThresholdPercent 90 must be less than imageGCHighThresholdPercent 85"],
    [
      "a part greater than the whole",
      "shutdownGracePeriod: 10s\nshutdownGracePeriodCriticalPods: 20s",
      "shutdownGracePeriodCriticalPods 20s must be <= shutdownGracePeriod 10s",
    ],
    ["a key that stands twice", "maxPods: 1\nmaxPods: 2", "maxPods"],
  ];
  for (const [what, text, message] of cases) it(what, () => expect(() => read(text)).toThrow(message));

  it("another kind", () => {
    expect(() => readKubeletConfiguration("apiVersion: v1\nkind: Pod")).toThrow("must be kubelet.config.k8s.io/v1beta1 and KubeletConfiguration");
  });
  it("with every problem at once", () => {
    expect(() => read("maxPods: -1\nfoo: 1")).toThrow('maxPods must be a whole number of at least 0, not -1; unknown field "foo"');
  });
});

it("makes two steps of priority of the shutdown's two periods", () => {
  const settings = kubeletSettings(completeConfiguration({ shutdownGracePeriod: "30s", shutdownGracePeriodCriticalPods: "10s" }));
  expect(settings.shutdownGracePeriods).toEqual([
    { priority: 0, shutdownGracePeriodSeconds: 20 },
    { priority: 2_000_000_000, shutdownGracePeriodSeconds: 10 },
  ]);
});

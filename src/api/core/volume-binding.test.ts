import { describe, expect, it } from "vitest";
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from "../generated/types.ts";
import { boundToClaim, claimKeysOf, findVolumeFor, type VolumeChoice, whyUnfit } from "./volume-binding.ts";

const claim = (spec: Partial<PersistentVolumeClaim["spec"]> = {}): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data", namespace: "team", uid: "u1" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "5Gi" } }, storageClassName: "fast", ...spec },
});

const volume = (name: string, spec: Partial<PersistentVolume["spec"]> = {}, more: Partial<PersistentVolume> = {}): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name, ...more.metadata },
  spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "10Gi" }, storageClassName: "fast", hostPath: { path: "/d" }, ...spec },
  status: { phase: "Available", ...more.status },
});

const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name: "a", labels: { zone: "a" } }, spec: {} };
const inZone = (zone: string) => ({ required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values: [zone] }] }] } });
const forData = { namespace: "team", name: "data" };

describe("the volume for a claim", () => {
  it.each<[string, PersistentVolumeClaim, readonly PersistentVolume[], VolumeChoice, string | undefined]>([
    [
      "is the smallest that is large enough",
      claim(),
      [volume("big", { capacity: { storage: "1Ti" } }), volume("fits"), volume("small", { capacity: { storage: "4Gi" } })],
      {},
      "fits",
    ],
    ["has every access mode asked for", claim({ accessModes: ["ReadWriteMany"] }), [volume("one")], {}, undefined],
    [
      "has as few access modes as will do, whatever its size",
      claim(),
      [volume("many", { accessModes: ["ReadWriteOnce", "ReadWriteMany"] }), volume("few", { capacity: { storage: "1Ti" } })],
      {},
      "few",
    ],
    ["is of the class", claim(), [volume("slow", { storageClassName: "slow" }), volume("none", { storageClassName: "" })], {}, undefined],
    ["is of no class for a claim of none", claim({ storageClassName: "" }), [volume("some"), volume("none", { storageClassName: undefined })], {}, "none"],
    ["is of the volume mode", claim({ volumeMode: "Block" }), [volume("files"), volume("blocks", { volumeMode: "Block" })], {}, "blocks"],
    ["is of the attributes class", claim({ volumeAttributesClassName: "gold" }), [volume("plain")], {}, undefined],
    [
      "bears the labels",
      claim({ selector: { matchLabels: { tier: "db" } } }),
      [volume("plain"), volume("labelled", {}, { metadata: { name: "labelled", labels: { tier: "db" } } })],
      {},
      "labelled",
    ],
    ["is Available", claim(), [volume("released", {}, { status: { phase: "Released" } })], {}, undefined],
    ["is nobody else's", claim(), [volume("taken", { claimRef: { ...forData, name: "other" } })], {}, undefined],
    ["is not of an earlier claim of the name", claim(), [volume("earlier", { claimRef: { ...forData, uid: "u0" } })], {}, undefined],
    [
      "is the one that names the claim, before a better one",
      claim(),
      [volume("fits"), volume("meant", { capacity: { storage: "1Ti" }, claimRef: forData })],
      {},
      "meant",
    ],
    ["is not on its way out", claim(), [volume("going", {}, { metadata: { name: "going", deletionTimestamp: "2026-01-01T00:00:00Z" } })], {}, undefined],
    ["is a reserved one when others are left to the scheduler", claim(), [volume("free")], { onlyReserved: true }, undefined],
    [
      "is within the node's reach",
      claim(),
      [volume("far", { nodeAffinity: inZone("b") }), volume("near", { nodeAffinity: inZone("a"), capacity: { storage: "1Ti" } })],
      { node },
      "near",
    ],
    [
      "is none when the reserved one is out of reach",
      claim(),
      [volume("far", { nodeAffinity: inZone("b"), claimRef: forData }), volume("near")],
      { node },
      undefined,
    ],
    ["is none that was chosen for another claim of the pod", claim(), [volume("chosen")], { taken: new Set(["chosen"]) }, undefined],
  ])("%s", (_what, wanted, volumes, choice, expected) => {
    expect(findVolumeFor(wanted, volumes, choice)?.metadata.name).toBe(expected);
  });

  it("is bound by its name and UID; the same object comes back when it is", () => {
    const bound = boundToClaim(volume("disk"), claim());
    expect(bound.spec.claimRef).toMatchObject({ kind: "PersistentVolumeClaim", namespace: "team", name: "data", uid: "u1" });
    expect(boundToClaim(bound, claim())).toBe(bound);
  });

  it("that a claim names will not do in another volume mode or with other access modes", () => {
    expect(whyUnfit(volume("disk", { volumeMode: "Block" }), claim())).toBe("incompatible volumeMode");
    expect(whyUnfit(volume("disk", { accessModes: ["ReadOnlyMany"] }), claim())).toBe("incompatible accessMode");
    expect(whyUnfit(volume("disk"), claim())).toBeUndefined();
  });
});

it("a pod's claims are those it names and those of its own volumes, each once", () => {
  const volumes = [
    { name: "a", persistentVolumeClaim: { claimName: "data" } },
    { name: "b", persistentVolumeClaim: { claimName: "data" } },
    { name: "own", ephemeral: {} },
    { name: "tmp", emptyDir: {} },
  ];
  const pod: Pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "team" }, spec: { containers: [], volumes } };
  expect(claimKeysOf(pod)).toEqual(["team/data", "team/web-own"]);
});

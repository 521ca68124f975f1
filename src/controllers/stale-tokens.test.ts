import { describe, expect, it } from "vitest";
import type { Secret, ServiceAccount } from "../api/index.ts";
import { planStaleToken, secretsOf } from "./stale-tokens.ts";
import { ago, brief, NOW_MS, pod } from "./testing.ts";

const DAY = 24 * 3600;
const day = (daysAgo: number): string => ago(daysAgo * DAY).slice(0, 10);

interface Sketch {
  readonly age?: number;
  readonly used?: string;
  readonly invalid?: string;
  readonly referred?: boolean;
  readonly mounted?: boolean;
  readonly tracked?: string;
}
function plan({ age = 800, used, invalid, referred = true, mounted = false, tracked = day(700) }: Sketch) {
  const labels = {
    ...(used === undefined ? {} : { "kubernetes.io/legacy-token-last-used": used }),
    ...(invalid === undefined ? {} : { "kubernetes.io/legacy-token-invalid-since": invalid }),
  };
  const metadata = { name: "t", namespace: "default", uid: "t", resourceVersion: "5", creationTimestamp: ago(age * DAY), labels };
  const secret: Secret = { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/service-account-token", metadata };
  const account: ServiceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "a" }, secrets: referred ? [{ name: "t" }] : [] };
  const { actions, requeueAfterMs } = planStaleToken({ secret, account, isMounted: mounted, trackedSince: tracked === "" ? undefined : tracked }, NOW_MS);
  return { actions: brief(actions), days: requeueAfterMs === undefined ? undefined : Math.ceil(requeueAfterMs / 1000 / DAY) };
}

describe("a token that an account had for itself", () => {
  it.each<[string, Sketch, readonly string[], number | undefined]>([
    ["is marked when nobody used it for a year", {}, ["patch secrets t"], undefined],
    ["not before its use was tracked for so long", { tracked: day(300) }, [], 66],
    ["not while nothing is tracked", { tracked: "" }, [], undefined],
    ["not when it is younger", { age: 300 }, [], 65],
    ["not when it was used since", { used: day(100) }, [], 266],
    ["not when its last use can't be read", { used: "lately" }, [], undefined],
    ["not when a pod has it", { mounted: true }, [], 1],
    ["never when it was made by hand", { referred: false }, [], undefined],
    ["stays marked for a year", { invalid: day(100) }, [], 266],
    ["and then goes", { invalid: day(366) }, ["delete secrets t"], undefined],
  ])("%s", (_what, sketch, actions, days) => {
    expect(plan(sketch)).toEqual({ actions, days });
  });
});

it("finds the secrets that a pod uses, wherever", () => {
  const more = {
    imagePullSecrets: [{ name: "pull" }],
    containers: [{ name: "c", env: [{ name: "X", valueFrom: { secretKeyRef: { name: "env", key: "k" } } }], envFrom: [{ secretRef: { name: "from" } }] }],
    volumes: [
      { name: "a", secret: { secretName: "volume" } },
      { name: "b", projected: { sources: [{ secret: { name: "projected" } }] } },
      { name: "c", csi: { driver: "d", nodePublishSecretRef: { name: "csi" } } },
      { name: "d", emptyDir: {} },
    ],
  };
  expect([...secretsOf(pod({ name: "p", more }))].sort()).toEqual(["csi", "env", "from", "projected", "pull", "volume"]);
});

// Objects for the table tests of the plans: the least that makes them what they are. And what a controller needs to run for
// once, on virtual time and a small API in memory.
import type { Pod, ReplicaSet } from "../api/index.ts";
import { createVirtualEnv, type VirtualClock } from "../base/index.ts";
import { createEventRecorder, createInformerFactory } from "../client/index.ts";
import { createFakeClient, type FakeClient } from "../client/testing.ts";
import type { Action } from "./action.ts";
import type { Controller, ControllerContext, RunningController } from "./controller.ts";

export const NOW_MS = Date.UTC(2026, 0, 1, 12);

/** A time so many seconds before now. */
export function ago(seconds: number): string {
  return `${new Date(NOW_MS - seconds * 1000).toISOString().slice(0, 19)}Z`;
}

export interface PodSketch {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerUid?: string;
  readonly ready?: boolean;
  readonly readySince?: number;
  readonly node?: string;
  readonly phase?: string;
  readonly deleting?: boolean;
  readonly ip?: string;
  readonly age?: number;
  readonly restarts?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly more?: Partial<Pod["spec"]>;
}

export function pod(sketch: PodSketch): Pod {
  const { name, labels = { app: "web" }, ownerUid, ready = false, node = "node-1", phase = ready ? "Running" : "Pending", age = 100 } = sketch;
  const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: ownerUid ?? "", controller: true, blockOwnerDeletion: true };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "default",
      uid: `uid-${name}`,
      resourceVersion: "1",
      labels,
      creationTimestamp: ago(age),
      ...(sketch.annotations === undefined ? {} : { annotations: sketch.annotations }),
      ...(ownerUid === undefined ? {} : { ownerReferences: [owner] }),
      ...(sketch.deleting === true ? { deletionTimestamp: ago(1) } : {}),
    },
    spec: { containers: [{ name: "main", image: "app:1" }], ...(node === "" ? {} : { nodeName: node }), ...sketch.more },
    status: {
      phase,
      ...(sketch.ip === undefined ? {} : { podIP: sketch.ip, podIPs: [{ ip: sketch.ip }] }),
      conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: ago(sketch.readySince ?? age) }],
      containerStatuses: [{ name: "main", restartCount: sketch.restarts ?? 0, image: "app:1", imageID: "", ready }],
    },
  };
}

export function replicaSet(replicas: number, more: Partial<ReplicaSet["spec"]> = {}, status: Partial<ReplicaSet["status"]> = {}): ReplicaSet {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "web", namespace: "default", uid: "set", generation: 1, resourceVersion: "1" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { name: "", labels: { app: "web" } }, spec: { containers: [{ name: "main", image: "app:1" }] } },
      ...more,
    },
    status: { replicas: 0, observedGeneration: 1, ...status },
  };
}

/** Actions as short texts: `create pods`, `delete pods a`, `patch pods/status b`. */
export function brief(actions: readonly Action[]): string[] {
  return actions.map((action) => {
    if (action.do === "note") return `note ${action.note.reason}`;
    const subresource = "subresource" in action && action.subresource !== undefined ? `/${action.subresource}` : "";
    return `${action.do} ${action.kind.resource}${subresource} ${action.object.metadata.name}`.trim();
  });
}

/** Strategic merge patches, which the small API does not know, change nothing. */
export function testContext(): { readonly context: ControllerContext; readonly client: FakeClient; readonly clock: VirtualClock } {
  const { env, clock } = createVirtualEnv();
  const client = createFakeClient(env);
  client.patch = async (kind, of) => client.get(kind, of);
  const informers = createInformerFactory(env, client);
  informers.start();
  return { context: { env, client, informers, recorder: createEventRecorder(env, client, "test") }, client, clock };
}

export async function started(controller: Controller, context: ControllerContext, clock: VirtualClock): Promise<RunningController> {
  const starting = controller.start(context);
  await clock.settle();
  return starting;
}

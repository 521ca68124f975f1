import { describe, expect, it } from "vitest";
import { decodeValue } from "../decode.ts";
import type { ConfigMap, Deployment } from "../generated/types.ts";
import type { Kind } from "../kind.ts";
import type { KubeObject } from "../object.ts";
import { kindByGvk } from "../registry.ts";
import { isStatus } from "../status-error.ts";
import { applyConfiguration, LAST_APPLIED_ANNOTATION, trackUpdate } from "./apply.ts";

const deployments = kindByGvk("apps/v1", "Deployment") as Kind<Deployment>;
const configMaps = kindByGvk("v1", "ConfigMap") as Kind<ConfigMap>;
const NOW = "2026-01-02T03:04:05Z";
const LATER = "2026-01-02T04:00:00Z";
const owner = (manager: string, time = NOW, subresource = "") => ({ manager, subresource, time });

/** Applies, and stands for what the server adds. */
function apply<T extends KubeObject>(kind: Kind<T>, live: T | undefined, config: object, manager: string, more: { force?: boolean; time?: string } = {}): T {
  const object = applyConfiguration(kind, live, config, { ...owner(manager, more.time), force: more.force ?? false });
  object.metadata.uid ??= "u";
  return object as unknown as T;
}

function conflict(action: () => unknown): { message: string; causes: unknown } {
  try {
    action();
  } catch (error) {
    if (isStatus(error, "Conflict")) return { message: error.message, causes: error.details?.causes };
    throw error;
  }
  throw new Error("no conflict");
}

const config = (data: Record<string, string>) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" }, data });
const container = (name: string, more: object = {}) => ({ name, ...more });
const deployment = (containers: object[], more: object = {}) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d" },
  spec: { selector: { matchLabels: { app: "a" } }, template: { metadata: { labels: { app: "a" } }, spec: { containers } }, ...more },
});

describe("applying to nothing", () => {
  it("creates what is applied, and records just that", () => {
    const created = apply(deployments, undefined, deployment([container("a", { image: "1" })]), "me");
    expect(created.spec.template.spec?.containers).toEqual([{ name: "a", image: "1", resources: {} }]);
    expect(created.metadata.managedFields).toEqual([
      {
        manager: "me",
        operation: "Apply",
        apiVersion: "apps/v1",
        time: NOW,
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:spec": {
            "f:selector": {},
            "f:template": {
              "f:metadata": { "f:labels": { "f:app": {} } },
              "f:spec": { "f:containers": { 'k:{"name":"a"}': { ".": {}, "f:image": {}, "f:name": {} } } },
            },
          },
        },
      },
    ]);
  });
});

describe("applying again", () => {
  const first = apply(configMaps, undefined, config({ a: "1", b: "2" }), "me");
  it("removes what is left out, and nothing else", () => {
    const second = apply(configMaps, first, config({ b: "3" }), "me", { time: LATER });
    expect(second.data).toEqual({ b: "3" });
    expect(second.metadata.managedFields).toMatchObject([{ time: LATER, fieldsV1: { "f:data": { "f:b": {} } } }]);
  });
  it("changes nothing, not even the time, when it says the same", () => {
    expect(apply(configMaps, first, config({ a: "1", b: "2" }), "me", { time: LATER })).toEqual(first);
  });
  it("removes items of lists by their keys", () => {
    const live = apply(deployments, undefined, deployment([container("a"), container("b")]), "me");
    expect(apply(deployments, live, deployment([container("b")]), "me").spec.template.spec?.containers.map((item) => item.name)).toEqual(["b"]);
  });
  it("leaves what others have put into the same item", () => {
    const live = apply(deployments, undefined, deployment([container("a", { env: [{ name: "X", value: "1" }] }), container("b")]), "me");
    const both = apply(deployments, live, deployment([container("a", { env: [{ name: "Y", value: "2" }] })]), "other");
    const after = apply(deployments, both, deployment([container("b")]), "me");
    expect(after.spec.template.spec?.containers[0]).toMatchObject({ name: "a", env: [{ name: "Y", value: "2" }] });
  });
});

describe("two appliers", () => {
  const live = apply(configMaps, undefined, config({ a: "1", b: "2" }), "one");
  it("conflict where they disagree", () => {
    expect(conflict(() => apply(configMaps, live, config({ a: "9" }), "two"))).toEqual({
      message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
      causes: [{ reason: "FieldManagerConflict", message: 'conflict with "one"', field: ".data.a" }],
    });
    expect(conflict(() => apply(configMaps, live, config({ a: "9", b: "9" }), "two")).message).toBe(
      'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b',
    );
  });
  it("take fields over by force", () => {
    const forced = apply(configMaps, live, config({ a: "9" }), "two", { force: true });
    expect(forced.data).toEqual({ a: "9", b: "2" });
    expect(forced.metadata.managedFields?.map((entry) => [entry.manager, entry.fieldsV1])).toEqual([
      ["one", { "f:data": { "f:b": {} } }],
      ["two", { "f:data": { "f:a": {} } }],
    ]);
  });
  it("share what they agree on, and it stays until the last lets go", () => {
    const shared = apply(configMaps, live, config({ a: "1" }), "two");
    const oneLeft = apply(configMaps, shared, config({ b: "2" }), "one");
    expect(oneLeft.data).toEqual({ a: "1", b: "2" });
    expect(apply(configMaps, oneLeft, config({}), "two").data).toEqual({ b: "2" });
  });
});

describe("updates", () => {
  const decoded = (value: object): ConfigMap => decodeValue(configMaps, value).object as unknown as ConfigMap;
  const created = decoded({ ...config({ a: "1" }), metadata: { name: "c", labels: { l: "1" } } });
  const tracked = {
    ...created,
    metadata: { ...created.metadata, uid: "u", managedFields: trackUpdate(configMaps, undefined, created, owner("kubectl-create")) },
  };

  it("own what they set", () => {
    expect(tracked.metadata.managedFields).toEqual([
      {
        manager: "kubectl-create",
        operation: "Update",
        apiVersion: "v1",
        time: NOW,
        fieldsType: "FieldsV1",
        fieldsV1: { "f:data": { ".": {}, "f:a": {} }, "f:metadata": { "f:labels": { ".": {}, "f:l": {} } } },
      },
    ]);
  });
  it("take what they change from others, and conflict with appliers who want it back", () => {
    const changed = { ...tracked, data: { a: "2" } };
    const entries = trackUpdate(configMaps, tracked, changed, owner("edit", LATER));
    expect(entries?.map((entry) => [entry.manager, entry.time, entry.fieldsV1])).toEqual([
      ["kubectl-create", NOW, { "f:data": {}, "f:metadata": { "f:labels": { ".": {}, "f:l": {} } } }],
      ["edit", LATER, { "f:data": { "f:a": {} } }],
    ]);
    const live = { ...changed, metadata: { ...changed.metadata, managedFields: entries } };
    expect(conflict(() => apply(configMaps, live, config({ a: "1" }), "me")).message).toBe(
      'Apply failed with 1 conflict: conflict with "edit" using v1: .data.a',
    );
  });
  it("forget what they remove", () => {
    const entries = trackUpdate(configMaps, tracked, { ...tracked, data: undefined }, owner("edit"));
    expect(entries?.map((entry) => entry.fieldsV1)).toEqual([{ "f:metadata": { "f:labels": { ".": {}, "f:l": {} } } }]);
  });
  it("leave the record as it is when nothing changes", () => {
    expect(trackUpdate(configMaps, tracked, { ...tracked }, owner("edit", LATER))).toEqual(tracked.metadata.managedFields);
  });
  it("do not begin to track what was never tracked, but the first apply does", () => {
    const untracked = { ...created, metadata: { ...created.metadata, uid: "u" } };
    expect(trackUpdate(configMaps, untracked, { ...untracked, data: { a: "2" } }, owner("edit"))).toBeUndefined();
    expect(conflict(() => apply(configMaps, untracked, config({ a: "2" }), "me")).message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    );
  });
  it("of status belong to the subresource", () => {
    const live = apply(deployments, undefined, deployment([container("a")]), "me");
    const updated = { ...live, status: { replicas: 1 } };
    const entries = trackUpdate(deployments, live, updated, owner("controller", LATER, "status"));
    expect(entries?.[1]).toMatchObject({ manager: "controller", operation: "Update", subresource: "status", fieldsV1: { "f:status": { "f:replicas": {} } } });
    expect(trackUpdate(deployments, live, updated, owner("controller"))).toEqual(live.metadata.managedFields);
  });
  it("stop being tracked on demand", () => {
    expect(trackUpdate(configMaps, tracked, { ...tracked, metadata: { ...tracked.metadata, managedFields: [{}] } }, owner("edit"))).toBeUndefined();
  });
  it("are joined when there are many", () => {
    let live: ConfigMap = tracked;
    for (let step = 0; step < 15; step++) {
      const next = { ...live, data: { ...live.data, [`key${step}`]: "1" } };
      live = {
        ...next,
        metadata: {
          ...next.metadata,
          managedFields: trackUpdate(configMaps, live, next, owner(`m${step}`, `2026-01-02T05:00:${String(step).padStart(2, "0")}Z`)),
        },
      };
    }
    const managers = live.metadata.managedFields?.map((entry) => entry.manager);
    expect(managers?.length).toBe(10);
    expect(managers?.[0]).toBe("ancient-changes");
  });
});

describe("kubectl, coming from client-side apply", () => {
  const annotated = {
    ...config({ a: "1", b: "2" }),
    metadata: { name: "c", annotations: { [LAST_APPLIED_ANNOTATION]: JSON.stringify(config({ a: "1", b: "2" })) } },
  };
  const created = decodeValue(configMaps, annotated).object as unknown as ConfigMap;
  const live = {
    ...created,
    metadata: { ...created.metadata, uid: "u", managedFields: trackUpdate(configMaps, undefined, created, owner("kubectl-client-side-apply")) },
  };
  it("takes over what it had applied, and keeps its record", () => {
    const applied = apply(configMaps, live, config({ a: "9", b: "2" }), "kubectl");
    expect(applied.data).toEqual({ a: "9", b: "2" });
    expect(JSON.parse(applied.metadata.annotations?.[LAST_APPLIED_ANNOTATION] ?? "")).toMatchObject({ data: { a: "9", b: "2" } });
  });
  it("is a conflict for anybody else", () => {
    expect(conflict(() => apply(configMaps, live, config({ a: "9" }), "me")).message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.a',
    );
  });
});

describe("a configuration", () => {
  it.each<[object, string]>([
    [{ ...config({}), dat: {} }, "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .dat: field not declared in schema"],
    [{ ...config({}), metadata: { name: "c", managedFields: [{ manager: "x" }] } }, "metadata.managedFields must be nil"],
    [
      { ...config({}), data: { a: 1 } },
      "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:1}",
    ],
    [
      { ...config({}), metadata: { name: "c", finalizers: ["x/a", "x/a"] } },
      'failed to create typed patch object (/c; /v1, Kind=ConfigMap): .metadata.finalizers: duplicate entries for key [="x/a"]',
    ],
  ])("is refused when it is wrong: %j", (value, message) => {
    expect(() => apply(configMaps, undefined, value, "me")).toThrow(message);
  });
  it("must have items with their keys, each once", () => {
    expect(() => apply(deployments, undefined, deployment([container("a"), container("a")]), "me")).toThrow(
      'Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="a"]',
    );
    const named = apply(deployments, undefined, deployment([{ image: "x" }]), "me").metadata.managedFields?.[0]?.fieldsV1;
    expect(JSON.stringify(named)).toContain(String.raw`"k:{\"name\":\"\"}"`);
  });
});

// Custom resources from their definition to their end, over the API.
import { describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const CRONTABS = "/apis/stable.example.com/v1/namespaces/default/crontabs";

interface Answer {
  readonly [field: string]: unknown;
  readonly metadata: { readonly name: string; readonly generation?: number; readonly resourceVersion: string; readonly [field: string]: unknown };
  readonly spec: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

const SPEC = {
  type: "object",
  required: ["image"],
  properties: {
    cronSpec: { type: "string", pattern: "^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$" },
    image: { type: "string" },
    replicas: { type: "integer", minimum: 1, maximum: 10, default: 1 },
  },
};
const VERSION = {
  name: "v1",
  served: true,
  storage: true,
  schema: {
    openAPIV3Schema: {
      type: "object",
      properties: { spec: SPEC, status: { type: "object", properties: { replicas: { type: "integer" }, labelSelector: { type: "string" } } } },
    },
  },
  subresources: {
    status: {},
    scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", labelSelectorPath: ".status.labelSelector" },
  },
  additionalPrinterColumns: [
    { name: "Image", type: "string", jsonPath: ".spec.image" },
    { name: "Replicas", type: "integer", jsonPath: ".spec.replicas", priority: 1 },
  ],
  selectableFields: [{ jsonPath: ".spec.image" }],
};
const DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "crontabs.stable.example.com" },
  spec: {
    group: "stable.example.com",
    scope: "Namespaced",
    names: { plural: "crontabs", kind: "CronTab", shortNames: ["ct"], categories: ["all"] },
    versions: [VERSION],
  },
};

function crontab(name: string, spec: object = { image: "cron" }): object {
  return { apiVersion: "stable.example.com/v1", kind: "CronTab", metadata: { name }, spec };
}

/** Lets the server do what it does by itself. */
async function settle({ clock }: TestServer): Promise<void> {
  await clock.advance(5_000);
}

/** Where the custom resources of the group lie. */
async function storedKeys({ store }: TestServer): Promise<string[]> {
  const range = await store.range({ key: "/registry/stable.example.com/", end: "/registry/stable.example.com0" });
  return range.ok ? range.items.map(({ key }) => key) : [];
}

async function withDefinition(definition: object = DEFINITION): Promise<TestServer> {
  const api = await startTestServer();
  const response = await api.request("POST", DEFINITIONS, { body: definition });
  expect(response.status, response.text).toBe(201);
  await settle(api);
  return api;
}

describe("a custom resource definition", () => {
  it("is established, and its resource is discovered", async () => {
    const api = await withDefinition();
    const definition = (await api.request("GET", `${DEFINITIONS}/crontabs.stable.example.com`)).json<Answer>();
    expect(definition.status?.["conditions"]).toMatchObject([
      { type: "NamesAccepted", status: "True", reason: "NoConflicts" },
      { type: "Established", status: "True", reason: "InitialNamesAccepted" },
    ]);
    const list = (await api.request("GET", "/apis/stable.example.com/v1")).json<{ resources: unknown[] }>();
    expect(list.resources).toMatchObject([
      { name: "crontabs", singularName: "crontab", kind: "CronTab", namespaced: true, shortNames: ["ct"], categories: ["all"] },
      { name: "crontabs/status", kind: "CronTab" },
      { name: "crontabs/scale", kind: "Scale", group: "autoscaling", version: "v1" },
    ]);
    const groups = (await api.request("GET", "/apis")).json<{ groups: { name: string }[] }>();
    expect(groups.groups.map(({ name }) => name)).toContain("stable.example.com");
  });

  it("whose names another one has is not established until they are free", async () => {
    const api = await withDefinition();
    const names = { plural: "tables", kind: "CronTab", shortNames: ["ct"] };
    const second = { ...DEFINITION, metadata: { name: "tables.stable.example.com" }, spec: { ...DEFINITION.spec, names } };
    await api.request("POST", DEFINITIONS, { body: second });
    await settle(api);
    const read = async (): Promise<unknown> => (await api.request("GET", `${DEFINITIONS}/tables.stable.example.com`)).json<Answer>().status?.["conditions"];
    expect(await read()).toMatchObject([
      { type: "NamesAccepted", status: "False", reason: "ListKindConflict", message: '"CronTabList" is already in use' },
      { type: "Established", status: "False", reason: "NotAccepted" },
    ]);
    expect((await api.request("GET", "/apis/stable.example.com/v1/namespaces/default/tables")).status).toBe(404);
    await api.request("DELETE", `${DEFINITIONS}/crontabs.stable.example.com`);
    await settle(api);
    expect(await read()).toMatchObject([{ status: "True" }, { type: "Established", status: "True" }]);
  });

  it("takes its objects along when it is deleted", async () => {
    const api = await withDefinition();
    await api.request("POST", CRONTABS, { body: crontab("free") });
    await api.request("POST", CRONTABS, { body: { ...crontab("held"), metadata: { name: "held", finalizers: ["example.com/hold"] } } });
    expect((await api.request("DELETE", `${DEFINITIONS}/crontabs.stable.example.com`)).json<Answer>().metadata["finalizers"]).toEqual([
      "customresourcecleanup.apiextensions.k8s.io",
    ]);
    await settle(api);
    expect((await api.request("GET", `${CRONTABS}/free`)).status).toBe(404);
    expect((await api.request("GET", `${CRONTABS}/held`)).status).toBe(200);
    expect((await api.request("POST", CRONTABS, { body: crontab("late") })).status).toBe(405);
    const merge = { "content-type": "application/merge-patch+json" };
    await api.request("PATCH", `${CRONTABS}/held`, { body: { metadata: { finalizers: null } }, headers: merge });
    await settle(api);
    expect((await api.request("GET", `${DEFINITIONS}/crontabs.stable.example.com`)).status).toBe(404);
    expect((await api.request("GET", CRONTABS)).status).toBe(404);
    expect(await storedKeys(api)).toEqual([]);
  });
});

describe("a custom resource", () => {
  it("is stored where upstream stores it, pruned and defaulted", async () => {
    const api = await withDefinition();
    const created = await api.request("POST", `${CRONTABS}?fieldValidation=Warn`, { body: crontab("a", { image: "cron", unknown: 1 }) });
    expect(created.status, created.text).toBe(201);
    expect(created.headers["warning"]).toEqual([`299 - "unknown field \\"spec.unknown\\""`]);
    expect(created.json<Answer>()).toMatchObject({ metadata: { generation: 1 }, spec: { image: "cron", replicas: 1 } });
    expect(await storedKeys(api)).toEqual(["/registry/stable.example.com/crontabs/default/a"]);
    const strict = await api.request("POST", `${CRONTABS}?fieldValidation=Strict`, { body: crontab("b", { image: "cron", unknown: 1 }) });
    expect(strict.status).toBe(400);
    expect(strict.text).toContain('strict decoding error: unknown field \\"spec.unknown\\"');
  });

  it("is validated by its schema", async () => {
    const api = await withDefinition();
    const refused = await api.request("POST", CRONTABS, { body: crontab("a", { cronSpec: "* * *", replicas: 15 }) });
    expect(refused.status).toBe(422);
    expect(refused.json()).toMatchObject({
      message:
        'CronTab.stable.example.com "a" is invalid: [spec.cronSpec: Invalid value: "* * *": spec.cronSpec in body should match \'^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$\', spec.replicas: Invalid value: 15: spec.replicas in body should be less than or equal to 10, spec.image: Required value]',
    });
  });

  it("is updated, patched, applied and scaled", async () => {
    const api = await withDefinition();
    const created = (await api.request("POST", CRONTABS, { body: crontab("a") })).json<Answer>();
    const unconditional = await api.request("PUT", `${CRONTABS}/a`, { body: crontab("a", { image: "other" }) });
    expect(unconditional.status).toBe(422);
    const updated = await api.request("PUT", `${CRONTABS}/a`, { body: { ...created, spec: { ...created.spec, image: "two" }, status: { replicas: 3 } } });
    expect(updated.json<Answer>()).toMatchObject({ metadata: { generation: 2 }, spec: { image: "two" } });
    expect(updated.json<Answer>().status).toBeUndefined();
    const patch = async (type: string, body: unknown, path = `${CRONTABS}/a`) => api.request("PATCH", path, { body, headers: { "content-type": type } });
    const json = await patch("application/json-patch+json", [{ op: "replace", path: "/spec/replicas", value: 2 }]);
    expect(json.json<Answer>().spec["replicas"]).toBe(2);
    expect((await patch("application/strategic-merge-patch+json", { spec: { replicas: 3 } })).status).toBe(415);
    const status = await patch("application/merge-patch+json", { spec: { image: "no" }, status: { replicas: 2 } }, `${CRONTABS}/a/status`);
    expect(status.json<Answer>()).toMatchObject({ metadata: { generation: 3 }, spec: { image: "two" }, status: { replicas: 2 } });
    const applied = await patch("application/apply-patch+yaml", crontab("a", { cronSpec: "* * * * *" }), `${CRONTABS}/a?fieldManager=me`);
    expect(applied.status, applied.text).toBe(200);
    expect(applied.json<Answer>().metadata["managedFields"]).toContainEqual(
      expect.objectContaining({ manager: "me", operation: "Apply", fieldsV1: { "f:spec": { "f:cronSpec": {} } } }),
    );
    const scale = await patch("application/merge-patch+json", { spec: { replicas: 7 } }, `${CRONTABS}/a/scale`);
    expect(scale.json<Answer>()).toMatchObject({ kind: "Scale", spec: { replicas: 7 }, status: { replicas: 2 } });
    expect((await api.request("GET", `${CRONTABS}/a`)).json<Answer>().spec["replicas"]).toBe(7);
  });

  it("is listed, selected, shown as a table and watched", async () => {
    const api = await withDefinition();
    for (const [name, image] of [
      ["a", "one"],
      ["b", "two"],
    ] as const)
      await api.request("POST", CRONTABS, { body: crontab(name, { image }) });
    const selected = (await api.request("GET", `${CRONTABS}?fieldSelector=spec.image%3Dtwo`)).json<{ kind: string; items: Answer[] }>();
    expect([selected.kind, selected.items.map(({ metadata }) => metadata.name)]).toEqual(["CronTabList", ["b"]]);
    const table = await api.request("GET", CRONTABS, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } });
    expect(table.json()).toMatchObject({
      columnDefinitions: [{ name: "Name" }, { name: "Image", type: "string" }, { name: "Replicas", type: "integer", priority: 1 }],
      rows: [{ cells: ["a", "one", 1] }, { cells: ["b", "two", 1] }],
    });
    const watch = await api.request("GET", `${CRONTABS}?watch=true`);
    await settle(api);
    await api.request("DELETE", `${CRONTABS}/a`);
    await settle(api);
    expect(watch.lines().map((event) => event["type"])).toEqual(["ADDED", "ADDED", "DELETED"]);
    watch.stop();
    expect((await api.request("DELETE", CRONTABS)).json<{ items: unknown[] }>().items).toHaveLength(1);
  });

  it("shows itself in every version, with the defaults of today", async () => {
    const api = await withDefinition();
    await api.request("POST", CRONTABS, { body: crontab("a") });
    const definition = (await api.request("GET", `${DEFINITIONS}/crontabs.stable.example.com`)).json<Answer>();
    const zone = { ...SPEC, properties: { ...SPEC.properties, zone: { type: "string", default: "UTC" } } };
    const schema = { openAPIV3Schema: { type: "object", properties: { spec: zone } } };
    const versions = [
      { ...VERSION, storage: false },
      { name: "v2", served: true, storage: true, schema },
    ];
    const changed = await api.request("PUT", `${DEFINITIONS}/crontabs.stable.example.com`, { body: { ...definition, spec: { ...definition.spec, versions } } });
    expect(changed.status, changed.text).toBe(200);
    await settle(api);
    const second = "/apis/stable.example.com/v2/namespaces/default/crontabs";
    expect((await api.request("GET", `${second}/a`)).json()).toMatchObject({ apiVersion: "stable.example.com/v2", spec: { image: "cron", zone: "UTC" } });
    const first = (await api.request("GET", `${CRONTABS}/a`)).json<Answer>();
    expect([first["apiVersion"], first.spec]).toEqual(["stable.example.com/v1", { image: "cron", replicas: 1 }]);
    const listed = (await api.request("GET", second)).json<{ items: Answer[] }>();
    expect(listed.items[0]).toMatchObject({ apiVersion: "stable.example.com/v2", spec: { zone: "UTC" } });
  });
});

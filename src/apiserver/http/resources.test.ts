import { describe, expect, it } from "vitest";
import { startTestServer, USER_TOKEN } from "../testing.ts";

interface Answer {
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly resourceVersion?: string; readonly continue?: string; readonly remainingItemCount?: number };
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
}

const MAPS = "/api/v1/namespaces/default/configmaps";
const map = (name: string, more: object = {}): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...more } });

describe("requests for resources", () => {
  it("creates, and answers with what is stored", async () => {
    const { request } = await startTestServer();
    const created = await request("POST", MAPS, { body: map("a") });
    expect(created.status).toBe(201);
    const got = await request("GET", `${MAPS}/a`);
    expect(got.status).toBe(200);
    expect(got.json()).toEqual(created.json());
    expect(got.json<Answer>().metadata).toMatchObject({ name: "a", namespace: "default" });
    expect((await request("POST", MAPS, { body: map("a") })).json<Answer>()).toMatchObject({
      reason: "AlreadyExists",
      code: 409,
      message: 'configmaps "a" already exists',
    });
  });

  it("lists in pages that all show one state", async () => {
    const { request } = await startTestServer();
    for (const name of ["a", "b", "c", "d", "e"]) await request("POST", MAPS, { body: map(name) });
    const first = (await request("GET", `${MAPS}?limit=2`)).json<Answer>();
    expect(first.metadata.remainingItemCount).toBe(3);
    await request("DELETE", `${MAPS}/c`);
    const second = (await request("GET", `${MAPS}?limit=2&continue=${first.metadata.continue}`)).json<Answer>();
    const third = (await request("GET", `${MAPS}?limit=2&continue=${second.metadata.continue}`)).json<Answer>();
    const names = [first, second, third].flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
    expect(names).toEqual(["a", "b", "c", "d", "e"]);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    expect(third.metadata.continue).toBeUndefined();
    expect(third.metadata.remainingItemCount).toBeUndefined();
  });

  it("lets a page's token expire, and offers one that goes on from the newest state", async () => {
    const { request, clock } = await startTestServer();
    for (const name of ["a", "b", "c"]) await request("POST", MAPS, { body: map(name) });
    const first = (await request("GET", `${MAPS}?limit=1`)).json<Answer>();
    for (const name of ["d", "e"]) {
      await request("POST", MAPS, { body: map(name) });
      await clock.advance(5 * 60_000);
    }
    const expired = await request("GET", `${MAPS}?limit=1&continue=${first.metadata.continue}`);
    expect(expired.status).toBe(410);
    const rest = (await request("GET", `${MAPS}?continue=${expired.json<Answer>().metadata.continue}`)).json<Answer>();
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(["b", "c", "d", "e"]);
  });

  it("refuses unknown and repeated fields when asked to, and warns of them otherwise", async () => {
    const { request } = await startTestServer();
    const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","unknownMeta":1},"data":{"k":"1","k":"2"}}';
    const refused = await request("POST", `${MAPS}?fieldValidation=Strict`, { body });
    expect(refused.status).toBe(400);
    expect(refused.json<Answer>().message).toContain('strict decoding error: unknown field "metadata.unknownMeta", duplicate field "data.k"');
    const warned = await request("POST", MAPS, { body });
    expect(warned.status).toBe(201);
    expect(warned.headers["warning"]).toEqual(['299 - "unknown field \\"metadata.unknownMeta\\""', '299 - "duplicate field \\"data.k\\""']);
  });

  it("shows tables and metadata to who asks, and refuses forms it does not have", async () => {
    const { request } = await startTestServer();
    await request("POST", MAPS, { body: { ...map("a"), data: { x: "1" } } });
    const table = await request("GET", MAPS, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" } });
    expect(table.headers["content-type"]).toBe("application/json;as=Table;v=v1;g=meta.k8s.io");
    expect(table.json<{ rows: { cells: unknown[] }[] }>().rows[0]?.cells.slice(0, 2)).toEqual(["a", 1]);
    const partial = await request("GET", `${MAPS}/a`, { headers: { accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" } });
    expect(partial.json<Answer>().kind).toBe("PartialObjectMetadata");
    expect((await request("GET", MAPS, { headers: { accept: "text/html" } })).status).toBe(406);
    const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { nonResourceAttributes: { path: "/", verb: "get" } } };
    const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    expect((await request("POST", path, { body: review, headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } })).status).toBe(406);
    expect((await request("POST", path, { body: review })).status).toBe(201);
    expect((await request("POST", MAPS, { body: "x", headers: { "content-type": "text/plain" } })).status).toBe(415);
  });

  it("applies patches of each type, and refuses others", async () => {
    const { request } = await startTestServer();
    await request("POST", MAPS, { body: map("a") });
    const patch = (type: string, body: unknown) => request("PATCH", `${MAPS}/a`, { body, headers: { "content-type": type } });
    expect((await patch("application/merge-patch+json", { data: { a: "1" } })).json()).toMatchObject({ data: { a: "1" } });
    expect((await patch("application/json-patch+json", [{ op: "add", path: "/data/b", value: "2" }])).json()).toMatchObject({ data: { a: "1", b: "2" } });
    expect((await patch("application/strategic-merge-patch+json", { data: { a: null } })).json()).toMatchObject({ data: { b: "2" } });
    expect((await patch("application/json", {})).status).toBe(415);
    expect((await patch("application/merge-patch+json", { metadata: { resourceVersion: "1" } })).status).toBe(409);
  });

  it("leaves everything as it was in a dry run", async () => {
    const { request } = await startTestServer();
    expect((await request("POST", `${MAPS}?dryRun=All`, { body: map("a") })).status).toBe(201);
    expect((await request("GET", `${MAPS}/a`)).status).toBe(404);
    expect((await request("POST", `${MAPS}?dryRun=Some`, { body: map("a") })).status).toBe(422);
  });

  it("generates names, and keeps objects with finalizers until these are gone", async () => {
    const { request } = await startTestServer();
    const body = map("", { generateName: "x-", finalizers: ["example.com/hold"] });
    const { name = "" } = (await request("POST", MAPS, { body })).json<Answer>().metadata;
    expect(name).toMatch(/^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const marked = await request("DELETE", `${MAPS}/${name}`);
    expect(marked.json<Answer>().metadata).toMatchObject({ deletionGracePeriodSeconds: 0, deletionTimestamp: expect.any(String) });
    await request("PATCH", `${MAPS}/${name}`, { body: { metadata: { finalizers: null } }, headers: { "content-type": "application/merge-patch+json" } });
    expect((await request("GET", `${MAPS}/${name}`)).status).toBe(404);
  });

  it("deletes what a selector selects", async () => {
    const { request } = await startTestServer();
    await request("POST", MAPS, { body: map("a", { labels: { k: "1" } }) });
    await request("POST", MAPS, { body: map("b", { labels: { k: "2" } }) });
    const deleted = await request("DELETE", `${MAPS}?labelSelector=k%3D1`);
    expect(deleted.json<Answer>().items.map(({ metadata }) => metadata.name)).toEqual(["a"]);
    expect((await request("GET", MAPS)).json<Answer>().items.map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });

  it("forbids what roles do not allow, in the words that clients know", async () => {
    const { request } = await startTestServer();
    const refused = await request("GET", "/api/v1/namespaces/default/pods", { token: USER_TOKEN });
    expect(refused.json<Answer>()).toMatchObject({
      code: 403,
      message: 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    expect((await request("GET", "/api/v1/pods", { token: "wrong" })).status).toBe(401);
    expect((await request("GET", "/version", { token: "" })).status).toBe(200);
  });

  it("says what is not there and what cannot be done", async () => {
    const { request } = await startTestServer();
    expect((await request("GET", "/api/v1/nothing")).json<Answer>()).toMatchObject({ code: 404, reason: "NotFound" });
    expect((await request("GET", "/apis/apps/v1/namespaces/default/deployments/x")).json<Answer>().message).toBe('deployments.apps "x" not found');
    expect((await request("POST", "/api/v1/namespaces/default/configmaps/a", { body: map("a") })).status).toBe(405);
    expect((await request("GET", "/api/v1/namespaces/%E0%A4%A/configmaps")).status).toBe(400);
    expect((await request("POST", MAPS, { body: "{" })).status).toBe(400);
    expect((await request("GET", `${MAPS}?fieldSelector=spec.x%3D1`)).status).toBe(400);
  });
});

import { describe, expect, it } from "vitest";
import { startTestServer, type TestResponse, type TestServer } from "../testing.ts";

interface Event {
  readonly type: string;
  readonly object: {
    readonly metadata: { readonly name?: string; readonly resourceVersion: string; readonly annotations?: Record<string, string> };
    readonly code?: number;
  };
}

const MAPS = "/api/v1/namespaces/default/configmaps";

function map(name: string, labels: Record<string, string> = {}, data: Record<string, string> = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels }, data };
}

function shown(response: TestResponse): string[] {
  return response.lines<Event>().map(({ type, object }) => `${type} ${object.metadata.name ?? ""}`.trim());
}

async function put(server: TestServer, name: string, labels: Record<string, string>): Promise<void> {
  await server.request("PUT", `${MAPS}/${name}`, { body: map(name, labels) });
}

describe("watches", () => {
  it("begin with what there is, and go on with what changes", async () => {
    const server = await startTestServer();
    await server.request("POST", MAPS, { body: map("a") });
    const watch = await server.request("GET", `${MAPS}?watch=true`);
    await server.request("POST", MAPS, { body: map("b") });
    await server.request("DELETE", `${MAPS}/a`);
    expect(shown(watch)).toEqual(["ADDED a", "ADDED b", "DELETED a"]);
    const [, , deleted] = watch.lines<Event>();
    expect(Number(deleted?.object.metadata.resourceVersion)).toBe(server.store.revision());
  });

  it("show only what came after the resourceVersion", async () => {
    const server = await startTestServer();
    await server.request("POST", MAPS, { body: map("a") });
    const { metadata } = (await server.request("GET", MAPS)).json<{ metadata: { resourceVersion: string } }>();
    await server.request("POST", MAPS, { body: map("b") });
    const watch = await server.request("GET", `${MAPS}?watch=1&resourceVersion=${metadata.resourceVersion}`);
    await server.request("POST", MAPS, { body: map("c") });
    expect(shown(watch)).toEqual(["ADDED b", "ADDED c"]);
  });

  it("show an object that enters or leaves the selection as added or deleted, in its last matching state", async () => {
    const server = await startTestServer();
    const watch = await server.request("GET", `${MAPS}?watch=1&labelSelector=on%3Dyes`);
    await server.request("POST", MAPS, { body: map("a", { on: "no" }) });
    await put(server, "a", { on: "yes" });
    await put(server, "a", { on: "yes", more: "1" });
    await put(server, "a", { on: "no" });
    await put(server, "a", { on: "yes" });
    expect(shown(watch)).toEqual(["ADDED a", "MODIFIED a", "DELETED a", "ADDED a"]);
    const left = watch.lines<{ object: { metadata: { labels: object } } }>()[2];
    expect(left?.object.metadata.labels).toEqual({ on: "yes", more: "1" });
  });

  it("close the initial events with a bookmark when asked to", async () => {
    const server = await startTestServer();
    await server.request("POST", MAPS, { body: map("a") });
    const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const watch = await server.request("GET", `${MAPS}?${query}`);
    expect(shown(watch)).toEqual(["ADDED a", "BOOKMARK"]);
    expect(watch.lines<Event>()[1]?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    expect((await server.request("GET", `${MAPS}?watch=1&sendInitialEvents=true`)).status).toBe(422);
  });

  it("tell idle clients how far they are", async () => {
    const server = await startTestServer();
    const watch = await server.request("GET", `${MAPS}?watch=1&allowWatchBookmarks=true`);
    await server.request("POST", "/api/v1/namespaces", { body: { metadata: { name: "x" } } });
    await server.clock.advance(120_000);
    const bookmark = watch.lines<Event>().at(-1);
    expect(bookmark?.type).toBe("BOOKMARK");
    expect(Number(bookmark?.object.metadata.resourceVersion)).toBe(server.store.revision());
  });

  it("resume from the store's history, and end with 410 once it is compacted", async () => {
    const server = await startTestServer();
    await server.request("POST", MAPS, { body: map("a") });
    const old = server.store.revision();
    // More changes than the cache's ring keeps, once they are old.
    for (let round = 0; round < 300; round++) await put(server, "a", { round: String(round) });
    await server.clock.advance(80_000);
    await put(server, "a", { round: "last" });
    const resumed = await server.request("GET", `${MAPS}?watch=1&resourceVersion=${old}`);
    await server.clock.settle();
    expect(resumed.lines()).toHaveLength(301);
    await server.clock.advance(11 * 60_000);
    await put(server, "a", { round: "later" });
    const refused = await server.request("GET", `${MAPS}?watch=1&resourceVersion=${old}`);
    await server.clock.settle();
    expect(refused.lines<Event>()).toMatchObject([{ type: "ERROR", object: { code: 410 } }]);
    expect(refused.isEnded()).toBe(true);
  });

  it("end when their time is over", async () => {
    const server = await startTestServer();
    const watch = await server.request("GET", `${MAPS}?watch=1&timeoutSeconds=5`);
    await server.clock.advance(4_000);
    expect(watch.isEnded()).toBe(false);
    await server.clock.advance(2_000);
    expect(watch.isEnded()).toBe(true);
  });
});

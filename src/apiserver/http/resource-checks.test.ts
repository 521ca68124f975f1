// What was authorized is what is done: the ways around that a path, a selector or a body could offer.
import { describe, expect, it } from "vitest";
import { startTestServer, type TestServer, USER_TOKEN } from "../testing.ts";

interface Answer {
  readonly message?: string;
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
  readonly object: { readonly metadata: { readonly name: string } };
}

const MAPS = "/api/v1/namespaces/default/configmaps";
const ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
const map = (name: string): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

/** The user may do `rule`, and nothing else. */
async function allow({ request }: TestServer, rule: object): Promise<void> {
  expect((await request("POST", `${ROLES}/roles`, { body: { metadata: { name: "r" }, rules: [rule] } })).status).toBe(201);
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" };
  const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }];
  expect((await request("POST", `${ROLES}/rolebindings`, { body: { metadata: { name: "r" }, roleRef, subjects } })).status).toBe(201);
}

describe("a request for a resource", () => {
  it("shows who may watch one name nothing but that, on whichever path", async () => {
    const server = await startTestServer();
    const { request } = server;
    await allow(server, { apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"], resourceNames: ["a"] });
    for (const name of ["a", "b"]) await request("POST", MAPS, { body: map(name) });
    const watch = await request("GET", "/api/v1/watch/namespaces/default/configmaps/a", { token: USER_TOKEN });
    expect(watch.lines<Answer>().map(({ object }) => object.metadata.name)).toEqual(["a"]);
    watch.stop();
    const list = await request("GET", `${MAPS}?fieldSelector=metadata.name%3Da`, { token: USER_TOKEN });
    expect(list.json<Answer>().items.map(({ metadata }) => metadata.name)).toEqual(["a"]);
    for (const selector of ["metadata.name!=x", "metadata.namespace!=x\\,metadata.name\\=a", "metadata.name=b,metadata.name=a"]) {
      expect((await request("GET", `${MAPS}?fieldSelector=${encodeURIComponent(selector)}`, { token: USER_TOKEN })).status).toBe(403);
    }
  });

  it("opens no connection to a pod by a verb that only reads", async () => {
    const server = await startTestServer();
    await allow(server, { apiGroups: [""], resources: ["*"], verbs: ["get", "list", "watch", "update"] });
    const pod = "/namespaces/default/pods/p";
    const ask = async (method: string, path: string): Promise<number> => (await server.request(method, path, { token: USER_TOKEN })).status;
    expect(await ask("GET", `/api/v1/watch${pod}/exec?command=sh`)).toBe(405);
    expect(await ask("PUT", `/api/v1${pod}/exec?command=sh`)).toBe(405);
    expect(await ask("GET", `/api/v1/watch${pod}/log`)).toBe(405);
  });

  it("takes no path that goes on behind a subresource, and no name that leaves its segment", async () => {
    const { request } = await startTestServer();
    await request("POST", MAPS, { body: map("a") });
    expect((await request("GET", "/api/v1/namespaces/default/status/more")).status).toBe(404);
    for (const name of ["..", "a%2Fb", "%25"]) {
      const answer = await request("GET", `${MAPS}/${name}`);
      expect(answer.status).toBe(400);
      expect(answer.json<Answer>().message).toMatch(/^Name parameter invalid: /);
    }
    expect((await request("GET", "/api/v1/namespaces/a%2Fb/configmaps")).status).toBe(400);
  });

  it("deletes nothing when only one of query and body says that it is a dry run", async () => {
    const { request } = await startTestServer();
    await request("POST", MAPS, { body: map("a") });
    await request("DELETE", `${MAPS}/a?dryRun=All`, { body: { gracePeriodSeconds: 0 } });
    await request("DELETE", `${MAPS}/a?gracePeriodSeconds=0`, { body: { dryRun: ["All"] } });
    expect((await request("GET", `${MAPS}/a`)).status).toBe(200);
  });

  it("keeps a watch open for which a timeout of zero was asked, and refuses a list that asks for initial events", async () => {
    const { request, clock } = await startTestServer();
    const watch = await request("GET", `${MAPS}?watch=1&timeoutSeconds=0`);
    await clock.advance(60_000);
    expect(watch.isEnded()).toBe(false);
    watch.stop();
    const answer = await request("GET", `${MAPS}?sendInitialEvents=true`);
    expect(answer.status).toBe(422);
    expect(answer.json<Answer>().message).toContain("sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list");
  });
});

it("answers with documents in JSON only to who takes JSON", async () => {
  const { request } = await startTestServer();
  for (const path of ["/openapi/v2", "/openapi/v3/apis/apps/v1", "/version", "/apis"]) {
    expect((await request("GET", path, { headers: { accept: "text/html" } })).status, path).toBe(406);
    expect((await request("GET", path, { headers: { accept: "text/html, */*" } })).status, path).toBe(200);
  }
});

// What clients can do with resources besides plain objects: kinds that are only posted, scales, creation by update.
import { describe, expect, it } from "vitest";
import { startTestServer, USER_TOKEN } from "./testing.ts";

interface Answer {
  readonly kind: string;
  readonly reason?: string;
  readonly message?: string;
  readonly spec: { readonly nodeName?: string; readonly replicas?: number };
}

const CORE = "/api/v1/namespaces/default";
const TABLE = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };

describe("operations", () => {
  it("bind the pod that a posted Binding names, and none that is not there", async () => {
    const { request } = await startTestServer();
    await request("POST", `${CORE}/serviceaccounts`, { body: { metadata: { name: "default" } } });
    await request("POST", `${CORE}/pods`, { body: { metadata: { name: "p" }, spec: template.spec } });
    const bind = (name?: string) => request("POST", `${CORE}/bindings`, { body: { metadata: { name }, target: { kind: "Node", name: "n" } } });
    expect((await bind("p")).status).toBe(201);
    expect((await request("GET", `${CORE}/pods/p`)).json<Answer>().spec.nodeName).toBe("n");
    expect((await bind("none")).json<Answer>()).toMatchObject({ reason: "NotFound", message: 'pods "none" not found' });
    expect((await bind()).status).toBe(422);
  });

  it("scale the object on the path, not one that the Scale names", async () => {
    const { request } = await startTestServer();
    const path = "/apis/apps/v1/namespaces/default/deployments";
    await request("POST", path, { body: { metadata: { name: "d" }, spec: { replicas: 2, selector: { matchLabels: { a: "b" } }, template } } });
    const scale = (metadata: object) => request("PUT", `${path}/d/scale`, { body: { metadata, spec: { replicas: 5 } } });
    expect((await scale({ name: "other" })).status).toBe(400);
    expect((await scale({ name: "d", namespace: "other" })).status).toBe(400);
    expect((await request("GET", `${path}/d/scale`)).json<Answer>().spec.replicas).toBe(2);
    expect((await scale({})).json<Answer>().spec.replicas).toBe(5);
  });

  it("create by an update only for who may create", async () => {
    const { request } = await startTestServer();
    const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    const group = "rbac.authorization.k8s.io";
    await request("POST", `${roles}/roles`, { body: { metadata: { name: "r" }, rules: [{ apiGroups: [""], resources: ["limitranges"], verbs: ["update"] }] } });
    const subjects = [{ apiGroup: group, kind: "User", name: "jane" }];
    await request("POST", `${roles}/rolebindings`, { body: { metadata: { name: "r" }, roleRef: { apiGroup: group, kind: "Role", name: "r" }, subjects } });
    const body = { metadata: { name: "l" }, spec: { limits: [] } };
    const refused = await request("PUT", `${CORE}/limitranges/l`, { body, token: USER_TOKEN });
    expect(refused.status).toBe(403);
    expect(refused.json<Answer>().message).toContain('cannot create resource "limitranges"');
    expect((await request("PUT", `${CORE}/limitranges/l`, { body })).status).toBe(201);
    expect((await request("PUT", `${CORE}/limitranges/l`, { body, token: USER_TOKEN })).status).toBe(200);
  });

  it("refuse what they would have to ignore", async () => {
    const { request } = await startTestServer();
    const created = await request("POST", `${CORE}/configmaps`, { body: { metadata: { name: "a", resourceVersion: "5" } } });
    expect(created.json<Answer>().message).toBe("resourceVersion should not be set on objects to be created");
    const table = await request("GET", `${CORE}/configmaps?includeObject=Everything`, { headers: TABLE });
    expect(table.json<Answer>().message).toContain('includeObject: Invalid value: "Everything"');
    expect((await request("GET", `${CORE}/configmaps?includeObject=Object`, { headers: TABLE })).json<Answer>().kind).toBe("Table");
  });
});

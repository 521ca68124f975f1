// Webhooks that are really called: over TLS, on a server of this test.
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSystemEnv } from "../../../base/index.host.ts";
import { createPki, type Pki } from "../../../kubeadm/index.ts";
import { createNodeConnector, type HttpsNodeConnector } from "../../index.host.ts";
import type { NodeConnector, VerifiedServer } from "../../node-connector.ts";
import { startTestServer, type TestResponse, type TestServer, USER_TOKEN } from "../../testing.ts";

interface Question {
  readonly uid: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly operation: string;
  readonly kind: { readonly kind: string; readonly version: string };
  readonly requestKind: { readonly version: string };
  readonly resource: object;
  readonly subResource?: string;
  readonly userInfo: object;
  readonly object: { readonly metadata: { readonly labels?: Readonly<Record<string, string>> }; readonly [field: string]: unknown } | null;
  readonly oldObject: object | null;
  readonly options: object | null;
  readonly dryRun: boolean;
}
interface Seen {
  readonly path: string;
  readonly apiVersion: string;
  readonly request: Question;
}
/** The `response` of the review; undefined never answers. */
type Answering = (question: Question) => object | undefined;

let pki: Pki;
let backend: Server;
let port: number;
let connector: HttpsNodeConnector;
let connections = 0;
let seen: Seen[] = [];
let answers: Record<string, Answering> = {};
let test: TestServer;

beforeAll(async () => {
  const env = createSystemEnv({ logLevel: "error" });
  pki = await createPki(env, { nodeName: "localhost", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" });
  backend = createServer({ cert: pki.apiServer.certificate, key: pki.apiServer.key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { apiVersion, request: question } = JSON.parse(Buffer.concat(chunks).toString()) as Seen;
      const path = request.url ?? "";
      seen.push({ path, apiVersion, request: question });
      const answer = answers[path.replace(/\?.*/, "")]?.(question);
      if (answer === undefined) return;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ apiVersion, kind: "AdmissionReview", response: { uid: question.uid, ...answer } }));
    });
  });
  backend.on("secureConnection", () => {
    connections++;
  });
  await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
  port = (backend.address() as AddressInfo).port;
  connector = createNodeConnector({ clientCertificate: pki.apiServerKubeletClient, authorities: pki.ca.certificate });
});
afterAll(async () => {
  connector.close();
  backend.closeAllConnections();
  await new Promise((resolve) => backend.close(resolve));
});
beforeEach(async () => {
  seen = [];
  answers = {};
  connections = 0;
  // The one endpoint that there is in the cluster stands for the server of this test.
  const isInside = ({ host, port: at }: VerifiedServer): boolean => host === "10.0.0.9" && at === 6443;
  const nodes: NodeConnector = {
    ...connector,
    server: (server) => connector.server(isInside(server) ? { ...server, host: "127.0.0.1", port } : server),
  };
  test = await startTestServer({ nodes, advertise: { address: "10.0.0.9", port: 6443 } });
});
afterEach(() => test.server.stop());

const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1";
const MAPS = "/api/v1/namespaces/default/configmaps";
const map = (name: string, metadata: object = {}): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata } });
const allow: Answering = () => ({ allowed: true });
const patching =
  (...patch: object[]): Answering =>
  () => ({ allowed: true, patchType: "JSONPatch", patch: btoa(JSON.stringify(patch)) });

async function configure(kind: "Mutating" | "Validating", name: string, ...webhooks: object[]): Promise<TestResponse> {
  const defaults = (path: string) => ({
    name: `${name}.example.com`,
    admissionReviewVersions: ["v1"],
    sideEffects: "None",
    clientConfig: { url: `https://127.0.0.1:${port}${path}`, caBundle: btoa(pki.ca.certificate) },
    rules: [{ operations: ["CREATE", "UPDATE", "DELETE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }],
  });
  const whole = webhooks.map((webhook, position) => ({
    ...defaults(`/${name}`),
    ...(position === 0 ? {} : { name: `${name}-${position}.example.com` }),
    ...webhook,
  }));
  const body = { apiVersion: "admissionregistration.k8s.io/v1", kind: `${kind}WebhookConfiguration`, metadata: { name }, webhooks: whole };
  const answer = await test.request("POST", `${CONFIGURATIONS}/${kind.toLowerCase()}webhookconfigurations`, { body });
  expect(answer.text).toContain('"uid"');
  return answer;
}

describe("a validating webhook", () => {
  it("is asked about what its rules name, and told who asks for what", async () => {
    answers = { "/v": allow };
    await configure("Validating", "v", {});
    const created = await test.request("POST", `${MAPS}?fieldManager=me`, { body: map("a") });
    expect(created.status).toBe(201);
    await test.request("PUT", `${MAPS}/a`, { body: { ...map("a"), data: { x: "y" } } });
    await test.request("DELETE", `${MAPS}/a`);
    await test.request("POST", "/api/v1/namespaces/default/serviceaccounts", { body: { metadata: { name: "other" } } });
    expect(seen.map(({ path, apiVersion, request: { operation } }) => [path, apiVersion, operation])).toEqual([
      ["/v?timeout=10s", "admission.k8s.io/v1", "CREATE"],
      ["/v?timeout=10s", "admission.k8s.io/v1", "UPDATE"],
      ["/v?timeout=10s", "admission.k8s.io/v1", "DELETE"],
    ]);
    const [create, update, remove] = seen.map(({ request }) => request);
    expect(create).toMatchObject({
      name: "a",
      namespace: "default",
      kind: { group: "", version: "v1", kind: "ConfigMap" },
      resource: { group: "", version: "v1", resource: "configmaps" },
      userInfo: { username: "admin", uid: "1", groups: ["system:masters", "system:authenticated"] },
      object: { kind: "ConfigMap", metadata: { name: "a", uid: created.json<{ metadata: { uid: string } }>().metadata.uid } },
      oldObject: null,
      options: { kind: "CreateOptions", apiVersion: "meta.k8s.io/v1", fieldManager: "me" },
      dryRun: false,
    });
    expect(update).toMatchObject({ object: { data: { x: "y" } }, oldObject: { metadata: { name: "a" } }, options: { kind: "UpdateOptions" } });
    expect(remove).toMatchObject({ object: null, oldObject: { data: { x: "y" } }, options: { kind: "DeleteOptions" } });
    expect(connections).toBe(1);
  });

  it("refuses with its own words, code and reason", async () => {
    answers = {
      "/plain": ({ name }) => ({ allowed: name !== "plain" }),
      "/worded": ({ name }) => ({
        allowed: name !== "worded",
        status: { message: "no such thing", code: 403, reason: "Forbidden" },
        warnings: ["think again"],
      }),
    };
    await configure("Validating", "plain", {});
    await configure("Validating", "worded", {});
    expect((await test.request("POST", MAPS, { body: map("plain") })).json()).toMatchObject({
      code: 400,
      message: 'admission webhook "plain.example.com" denied the request without explanation',
    });
    const refused = await test.request("POST", MAPS, { body: map("worded") });
    expect(refused.json()).toMatchObject({
      code: 403,
      reason: "Forbidden",
      message: 'admission webhook "worded.example.com" denied the request: no such thing',
    });
    expect(String(refused.headers["warning"])).toContain("think again");
    expect((await test.request("POST", MAPS, { body: map("fine") })).status).toBe(201);
  });

  it("is chosen by the labels of the object and of the namespace", async () => {
    answers = { "/v": () => ({ allowed: false }) };
    await configure("Validating", "v", {
      objectSelector: { matchLabels: { checked: "yes" } },
      namespaceSelector: { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["kube-system"] }] },
    });
    expect((await test.request("POST", MAPS, { body: map("a") })).status).toBe(201);
    expect((await test.request("POST", MAPS, { body: map("b", { labels: { checked: "yes" } }) })).status).toBe(400);
    expect((await test.request("POST", "/api/v1/namespaces/kube-system/configmaps", { body: map("b", { labels: { checked: "yes" } }) })).status).toBe(201);
  });

  it("is not asked about its own configuration, and no more once that is gone", async () => {
    await configure("Validating", "v", { rules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] }] });
    answers = { "/v": () => ({ allowed: false }) };
    expect((await test.request("POST", MAPS, { body: map("a") })).status).toBe(400);
    expect((await test.request("DELETE", `${CONFIGURATIONS}/validatingwebhookconfigurations/v`)).status).toBe(200);
    expect((await test.request("POST", MAPS, { body: map("a") })).status).toBe(201);
  });

  it("sees a resource in the version that it knows", async () => {
    answers = { "/v": allow };
    const rules = [{ operations: ["CREATE"], apiGroups: ["autoscaling"], apiVersions: ["v1"], resources: ["horizontalpodautoscalers"] }];
    await configure("Validating", "v", { rules });
    await configure("Validating", "w", { rules, matchPolicy: "Exact" });
    const spec = { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "d", apiVersion: "apps/v1" } };
    const created = await test.request("POST", "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", { body: { metadata: { name: "h" }, spec } });
    expect(created.status).toBe(201);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.request).toMatchObject({ kind: { version: "v1" }, requestKind: { version: "v2" }, object: { apiVersion: "autoscaling/v1" } });
  });
});

describe("webhooks of custom resources", () => {
  it("see them, and change them, in the version that they know", async () => {
    answers = { "/m": patching({ op: "add", path: "/spec/x", value: "changed" }, { op: "add", path: "/spec/pruned", value: 1 }) };
    const schema = { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", properties: { x: { type: "string" } } } } } };
    const versions = ["v1", "v2"].map((name) => ({ name, served: true, storage: name === "v1", schema }));
    const spec = { group: "example.com", scope: "Namespaced", names: { plural: "things", kind: "Thing" }, versions };
    const definition = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: "things.example.com" }, spec };
    expect((await test.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", { body: definition })).status).toBe(201);
    await test.clock.advance(1000);
    await configure("Mutating", "m", { rules: [{ operations: ["CREATE"], apiGroups: ["example.com"], apiVersions: ["v2"], resources: ["things"] }] });
    const body = { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "t" }, spec: { x: "y" } };
    const created = await test.request("POST", "/apis/example.com/v1/namespaces/default/things", { body });
    expect(created.json()).toMatchObject({ apiVersion: "example.com/v1", spec: { x: "changed" } });
    expect(created.text).not.toContain("pruned");
    expect(seen[0]?.request).toMatchObject({ requestKind: { version: "v1" }, kind: { version: "v2" }, object: { apiVersion: "example.com/v2" } });
  });
});

describe("a webhook that fails", () => {
  it("refuses the request, or is ignored where it says so", async () => {
    const closed = { clientConfig: { url: "https://127.0.0.1:1/x" } };
    await configure("Validating", "closed", closed);
    expect((await test.request("POST", MAPS, { body: map("a") })).json()).toMatchObject({
      code: 500,
      reason: "InternalError",
      message:
        'Internal error occurred: failed calling webhook "closed.example.com": failed to call webhook: Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
    });
    await test.request("DELETE", `${CONFIGURATIONS}/validatingwebhookconfigurations/closed`);
    await configure("Validating", "open", { ...closed, failurePolicy: "Ignore" });
    expect((await test.request("POST", MAPS, { body: map("a") })).status).toBe(201);
  });

  it("has its time and no more", async () => {
    await configure("Validating", "slow", { timeoutSeconds: 1 });
    const asked = test.request("POST", MAPS, { body: map("a") });
    await expect.poll(() => seen.length).toBe(1);
    await test.clock.advance(1000);
    const { message } = (await asked).json<{ message: string }>();
    expect(message).toContain(`/slow?timeout=1s": context deadline exceeded`);
  });

  it("must prove who it is, and speak of what it was asked", async () => {
    const untrusted = { clientConfig: { url: `https://127.0.0.1:${port}/v`, caBundle: btoa(pki.frontProxyCa.certificate) } };
    await configure("Validating", "a", untrusted);
    const message = async () => (await test.request("POST", MAPS, { body: map("a") })).json<{ message: string }>().message;
    expect(await message()).toContain("tls: failed to verify certificate: x509: certificate signed by unknown authority");
    await test.request("DELETE", `${CONFIGURATIONS}/validatingwebhookconfigurations/a`);
    answers = { "/b": () => ({ uid: "another", allowed: true }) };
    await configure("Validating", "b", {});
    expect(await message()).toMatch(/received invalid webhook response: expected response.uid="[0-9a-f-]{36}", got "another"$/);
  });

  it("is found behind its service", async () => {
    answers = { "/in": () => ({ allowed: false, status: { message: "heard" } }) };
    const caBundle = btoa(pki.ca.certificate);
    const service = { namespace: "default", name: "kubernetes", path: "/in" };
    await configure("Validating", "in", { clientConfig: { caBundle, service } });
    expect((await test.request("POST", MAPS, { body: map("a") })).json()).toMatchObject({ message: expect.stringContaining("heard") });
    await test.request("DELETE", `${CONFIGURATIONS}/validatingwebhookconfigurations/in`);
    await configure("Validating", "none", { clientConfig: { caBundle, service: { namespace: "default", name: "none" } } });
    expect((await test.request("POST", MAPS, { body: map("a") })).json()).toMatchObject({
      message: expect.stringContaining('Post "https://none.default.svc:443/?timeout=10s": service "none" not found'),
    });
  });
});

describe("a mutating webhook", () => {
  it("changes the object, which is then defaulted and validated", async () => {
    answers = { "/m": patching({ op: "add", path: "/spec/ports/-", value: { name: "b", port: 81 } }) };
    const rules = [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["services"] }];
    await configure("Mutating", "m", { rules, admissionReviewVersions: ["v2", "v1beta1"] });
    const service = { metadata: { name: "s" }, spec: { ports: [{ name: "a", port: 80 }] } };
    const created = await test.request("POST", "/api/v1/namespaces/default/services", { body: service });
    expect(created.json()).toMatchObject({ spec: { ports: [{ name: "a" }, { name: "b", port: 81, targetPort: 81, protocol: "TCP" }] } });
    expect(seen[0]?.apiVersion).toBe("admission.k8s.io/v1beta1");
    answers = { "/m": patching({ op: "replace", path: "/spec/ports/0/port", value: 0 }) };
    const wrong = await test.request("POST", "/api/v1/namespaces/default/services", { body: { ...service, metadata: { name: "t" } } });
    expect(wrong.status).toBe(422);
  });

  it("sees what those before it did, and once more what those after it did", async () => {
    const label = (name: string): Answering => patching({ op: "add", path: `/metadata/labels/${name}`, value: "" });
    answers = {
      "/a": ({ object }) => (object?.metadata.labels?.["b"] === undefined ? { allowed: true } : label("again")(undefined as never)),
      "/b": label("b"),
    };
    await configure("Mutating", "a", { reinvocationPolicy: "IfNeeded" });
    await configure("Mutating", "b", {});
    const created = await test.request("POST", MAPS, { body: map("x", { labels: { own: "" } }) });
    expect(Object.keys(created.json<{ metadata: { labels: object } }>().metadata.labels).sort()).toEqual(["again", "b", "own"]);
    expect(seen.map(({ path }) => path[1])).toEqual(["a", "b", "a"]);
  });

  it("cannot patch what does not fit, or nothing", async () => {
    answers = { "/m": patching({ op: "remove", path: "/data/none" }) };
    await configure("Mutating", "m", {});
    expect((await test.request("POST", MAPS, { body: map("a") })).json()).toMatchObject({ code: 500, reason: "InternalError" });
    answers = { "/m": ({ operation }) => (operation === "DELETE" ? patching({ op: "add", path: "/x", value: 1 })(undefined as never) : { allowed: true }) };
    expect((await test.request("POST", MAPS, { body: map("a") })).status).toBe(201);
    expect((await test.request("DELETE", `${MAPS}/a`)).json()).toMatchObject({
      message: expect.stringContaining('admission webhook "m.example.com" attempted to modify the object, which is not supported for this operation'),
    });
  });

  it("sees the scale that is asked for, not the object behind it", async () => {
    answers = { "/m": patching({ op: "replace", path: "/spec/replicas", value: 5 }), "/v": () => ({ allowed: false }) };
    const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
    const set = { metadata: { name: "s" }, spec: { selector: { matchLabels: { a: "b" } }, template } };
    const sets = "/apis/apps/v1/namespaces/default/replicasets";
    await test.request("POST", sets, { body: set });
    const rule = { operations: ["UPDATE"], apiGroups: ["apps"], apiVersions: ["v1"] };
    await configure("Mutating", "m", { rules: [{ ...rule, resources: ["replicasets/scale"] }] });
    await configure("Validating", "v", { rules: [{ ...rule, resources: ["replicasets"] }] });
    const scaled = await test.request("PATCH", `${sets}/s/scale`, {
      body: { spec: { replicas: 2 } },
      headers: { "content-type": "application/merge-patch+json" },
    });
    expect(scaled.json()).toMatchObject({ spec: { replicas: 5 } });
    expect(seen.map(({ request }) => request)).toMatchObject([
      { subResource: "scale", kind: { group: "autoscaling", kind: "Scale" }, object: { spec: { replicas: 2 } } },
    ]);
    expect((await test.request("GET", `${sets}/s`)).json()).toMatchObject({ spec: { replicas: 5 } });
  });

  it("sees questions, too", async () => {
    answers = { "/v": () => ({ allowed: false }) };
    await configure("Validating", "v", { rules: [{ operations: ["CREATE"], apiGroups: ["*"], apiVersions: ["*"], resources: ["subjectaccessreviews"] }] });
    const body = { spec: { user: "jane", nonResourceAttributes: { path: "/x", verb: "get" } } };
    expect((await test.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { body })).status).toBe(400);
  });

  it("is told of a dry run", async () => {
    answers = { "/m": patching({ op: "add", path: "/data", value: { x: "y" } }) };
    await configure("Mutating", "m", {});
    const dry = await test.request("POST", `${MAPS}?dryRun=All`, { body: map("a") });
    expect(dry.json()).toMatchObject({ data: { x: "y" } });
    expect(seen[0]?.request).toMatchObject({ dryRun: true, options: { dryRun: ["All"] } });
    expect((await test.request("GET", `${MAPS}/a`)).status).toBe(404);
  });
});

describe("connections", () => {
  it("are reviewed with what they ask for", async () => {
    answers = { "/v": () => ({ allowed: false, status: { message: "no" } }) };
    const rules = [{ operations: ["CONNECT"], apiGroups: ["*"], apiVersions: ["v1"], resources: ["pods/attach", "services/proxy"] }];
    await configure("Validating", "v", { rules });
    const attach = await test.request("POST", "/api/v1/namespaces/default/pods/p/attach?container=c&stdin=true");
    expect(attach.json()).toMatchObject({ message: 'admission webhook "v.example.com" denied the request: no' });
    expect(seen[0]?.request).toMatchObject({
      operation: "CONNECT",
      name: "p",
      subResource: "attach",
      kind: { group: "", version: "v1", kind: "PodAttachOptions" },
      object: { kind: "PodAttachOptions", apiVersion: "v1", container: "c", stdin: true, stdout: true, stderr: true },
      options: null,
    });
    await test.request("GET", "/api/v1/namespaces/default/services/kubernetes/proxy/x/y");
    expect(seen[1]?.request.object).toEqual({ kind: "ServiceProxyOptions", apiVersion: "v1", path: "/x/y" });
  });

  it("and the user's answers come from who he is", async () => {
    answers = { "/v": allow };
    await configure("Validating", "v", {});
    expect((await test.request("POST", MAPS, { body: map("a"), token: USER_TOKEN })).status).toBe(403);
    expect(seen).toEqual([]);
  });
});

describe("match conditions", () => {
  const conditions = (...expressions: string[]) => expressions.map((expression, position) => ({ name: `c${position}`, expression }));
  const create = (name: string, labels: object) => test.request("POST", MAPS, { body: map(name, { labels }) });

  it("decide by the request, its objects and the authorizer who is asked", async () => {
    answers = { "/v": allow };
    const matchConditions = conditions(
      "object.metadata.?labels.?ask.orValue('no') == 'yes' && oldObject == null",
      "request.operation == 'CREATE' && request.resource.resource == 'configmaps' && size(request.userInfo.groups) > 0",
      "authorizer.requestResource.check('delete').allowed() && !authorizer.serviceAccount('default', 'default').path('/metrics').check('get').allowed()",
    );
    await configure("Validating", "v", { matchConditions });
    expect((await create("a", {})).status).toBe(201);
    expect((await create("b", { ask: "yes" })).status).toBe(201);
    expect((await test.request("DELETE", `${MAPS}/b`)).status).toBe(200);
    expect(seen.map(({ request }) => request["name"])).toEqual(["b"]);
  });

  it("that fail refuse the request or spare it the webhook, and do not matter when another is false", async () => {
    answers = { "/f": allow };
    const failing = "object.metadata.labels.missing == 'x'";
    await configure("Validating", "f", { matchConditions: conditions(failing, "object.metadata.name != 'spared'") });
    expect((await create("spared", { a: "b" })).status).toBe(201);
    const refused = await create("refused", { a: "b" });
    expect(refused.status).toBe(403);
    expect(refused.text).toContain(`configmaps \\"refused\\" is forbidden: expression '${failing}' resulted in error: no such key: missing`);
    expect(seen).toEqual([]);
  });

  it("that fail are no reason to call a webhook that may be ignored", async () => {
    await configure("Validating", "i", { failurePolicy: "Ignore", matchConditions: conditions("object.missing") });
    expect((await create("ignored", {})).status).toBe(201);
    expect(seen).toEqual([]);
  });

  it("are checked when they are written", async () => {
    const webhook = { name: "w.example.com", admissionReviewVersions: ["v1"], sideEffects: "None", clientConfig: { url: "https://example.com" } };
    const body = { metadata: { name: "w" }, webhooks: [{ ...webhook, matchConditions: conditions("request.nme == 'a'", "1 + 1") }] };
    const { status, text } = await test.request("POST", `${CONFIGURATIONS}/validatingwebhookconfigurations`, { body });
    expect(status).toBe(422);
    const { details } = JSON.parse(text) as { details: { causes: { field: string; message: string }[] } };
    expect(details.causes.map(({ field }) => field)).toEqual(["webhooks[0].matchConditions[0].expression", "webhooks[0].matchConditions[1].expression"]);
    expect(details.causes[0]?.message).toContain("compilation failed: ERROR: <input>:1:8: undefined field 'nme'\n | request.nme == 'a'\n | .......^");
    expect(details.causes[1]?.message).toContain("must evaluate to bool");
  });
});

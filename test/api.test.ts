// The API from outside, as a careful stranger uses it: an embedded cluster on real time, over HTTPS, with the official JavaScript
// client and with raw requests. Every kind is asked for in every form; what is malformed gets a clear answer and breaks nothing.
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import {
  AppsV1Api,
  AuthenticationV1Api,
  CoreV1Api,
  KubeConfig,
  makeInformer,
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type V1ConfigMap,
} from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "../src/cluster/index.ts";

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  // Whatever the server says is looked at field by field.
  readonly json: () => Record<string, unknown>;
}
interface Resource {
  readonly resource: string;
  readonly scope: string;
  readonly verbs: readonly string[];
  readonly path: string;
  readonly kind: string;
}
interface Discovered {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly scope: string;
        readonly verbs: readonly string[];
        readonly responseKind: { readonly kind: string };
      }[];
    }[];
  }[];
}

const MAPS = "/api/v1/namespaces/default/configmaps";
const JSON_TYPE = { "content-type": "application/json" };
const META = "g=meta.k8s.io;v=v1";
const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

let cluster: Cluster;
let config: KubeConfig;
let session: ClientHttp2Session;

beforeAll(async () => {
  cluster = await startCluster();
  config = new KubeConfig();
  config.loadFromString(await cluster.kubeconfig());
  session = openSession();
});

afterAll(async () => {
  session.destroy();
  await cluster.stop();
});

function pem(data: string | undefined): Buffer {
  return Buffer.from(data ?? "", "base64");
}

function openSession(credentials = true): ClientHttp2Session {
  const user = config.getCurrentUser();
  const certificate = credentials ? { cert: pem(user?.certData), key: pem(user?.keyData) } : {};
  const server = config.getCurrentCluster();
  return connect(server?.server ?? "", { ca: pem(server?.caData), ...certificate });
}

async function send(method: string, path: string, headers: Record<string, string> = {}, body?: string | Uint8Array, over = session): Promise<Answer> {
  const stream = over.request({ ":method": method, ":path": path, ...headers });
  const response = once(stream, "response");
  stream.end(body);
  const [head] = await response;
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { status: Number(head[":status"]), type: String(head["content-type"]), text, json: () => JSON.parse(text) };
}

async function resources(): Promise<Resource[]> {
  const all: Resource[] = [];
  for (const root of ["/api", "/apis"]) {
    const found = (await send("GET", root, { accept: AGGREGATED })).json() as unknown as Discovered;
    for (const { metadata, versions } of found.items) {
      for (const { version, resources: served } of versions) {
        const path = metadata.name ? `/apis/${metadata.name}/${version}` : `/api/${version}`;
        all.push(...served.map(({ responseKind, ...resource }) => ({ ...resource, kind: responseKind.kind, path: `${path}/${resource.resource}` })));
      }
    }
  }
  return all;
}

const listable = async (): Promise<Resource[]> => (await resources()).filter(({ verbs }) => verbs.includes("list"));

describe("every kind", () => {
  it("is told alike by plain and aggregated discovery, and by OpenAPI", async () => {
    const all = await resources();
    expect(all.length).toBeGreaterThan(60);
    const index = (await send("GET", "/openapi/v3")).json() as { paths: Record<string, { serverRelativeURL: string }> };
    for (const folder of new Set(all.map(({ path }) => path.slice(0, path.lastIndexOf("/"))))) {
      const plain = (await send("GET", folder)).json() as { resources: { name: string; kind: string }[] };
      const names = plain.resources.map(({ name }) => name).filter((name) => !name.includes("/"));
      expect(names.sort()).toEqual(
        all
          .filter(({ path }) => path.startsWith(`${folder}/`))
          .map(({ resource }) => resource)
          .sort(),
      );
      const url = index.paths[folder.slice(1)]?.serverRelativeURL;
      const document = (await send("GET", url ?? "")).json() as { paths: Record<string, unknown> };
      for (const { path, resource, scope } of all.filter(({ path }) => path.startsWith(`${folder}/`))) {
        expect(document.paths).toHaveProperty([scope === "Namespaced" ? `${folder}/namespaces/{namespace}/${resource}` : path]);
      }
    }
    expect((await send("GET", "/openapi/v2")).json()).toMatchObject({ swagger: "2.0" });
  });

  it("is listed as itself, as a table, as metadata and as YAML", async () => {
    for (const { path, kind } of await listable()) {
      const list = (await send("GET", path)).json() as { kind: string; items: unknown[]; metadata: { resourceVersion?: string } };
      expect(list.kind).toBe(`${kind}List`);
      const table = await send("GET", path, { accept: `application/json;as=Table;${META}` });
      expect(table.type).toContain("as=Table");
      const { columnDefinitions, rows } = table.json() as { columnDefinitions: unknown[]; rows: { cells: unknown[] }[] };
      expect(columnDefinitions.length, path).toBeGreaterThan(0);
      for (const { cells } of rows) expect(cells.length, path).toBe(columnDefinitions.length);
      const metadata = await send("GET", path, { accept: `application/json;as=PartialObjectMetadataList;${META}` });
      expect(metadata.json()).toMatchObject({ kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" });
      const yaml = await send("GET", path, { accept: "application/yaml" });
      expect([yaml.status, yaml.type, yaml.text.includes(`kind: ${kind}List`)]).toEqual([200, "application/yaml", true]);
    }
  });

  it("is watched from its state on, as itself, as a table and as metadata", async () => {
    const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1";
    const forms = ["application/json", `application/json;as=Table;${META}`, `application/json;as=PartialObjectMetadata;${META}`];
    const asked = (await listable()).filter(({ verbs }) => verbs.includes("watch")).flatMap(({ path }) => forms.map((accept) => ({ path, accept })));
    const answers = await Promise.all(asked.map(async ({ path, accept }) => ({ path, answer: await send("GET", `${path}?${query}`, { accept }) })));
    for (const { path, answer } of answers) {
      expect(answer.status, path).toBe(200);
      const types = answer.text
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { type: string }).type);
      expect(types, path).toContain("BOOKMARK");
      expect(types, path).not.toContain("ERROR");
    }
  });
});

describe("the official JavaScript client", () => {
  it("sees an object through its life, and an informer sees it too", async () => {
    const core = config.makeApiClient(CoreV1Api);
    const seen: string[] = [];
    const informer = makeInformer<V1ConfigMap>(
      config,
      "/api/v1/namespaces/default/configmaps",
      () => core.listNamespacedConfigMap({ namespace: "default", labelSelector: "life=1" }),
      "life=1",
    );
    for (const verb of ["add", "update", "delete"] as const) informer.on(verb, ({ metadata }) => seen.push(`${verb} ${metadata?.name}`));
    await informer.start();
    const name = "life";
    const at = { namespace: "default", name };
    const created = await core.createNamespacedConfigMap({ namespace: "default", body: { metadata: { name, labels: { life: "1" } }, data: { a: "1" } } });
    const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
    expect((await core.patchNamespacedConfigMap({ ...at, body: { data: { b: "2" } } }, merge)).data).toEqual({ a: "1", b: "2" });
    await expect(core.replaceNamespacedConfigMap({ ...at, body: { ...created, data: {} } })).rejects.toMatchObject({ code: 409 });
    await expect(core.createNamespacedConfigMap({ namespace: "default", body: { metadata: { name } } })).rejects.toMatchObject({ code: 409 });
    await expect(core.deleteNamespacedConfigMap({ ...at, body: { preconditions: { uid: "another" } } })).rejects.toMatchObject({ code: 409 });
    await core.deleteNamespacedConfigMap({ ...at, dryRun: "All" });
    await core.readNamespacedConfigMap(at);
    await core.deleteNamespacedConfigMap(at);
    await expect(core.readNamespacedConfigMap(at)).rejects.toMatchObject({ code: 404 });
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(["add life", "update life", "delete life"]);
    await informer.stop();
  });

  it("runs a deployment, scales it, and evicts a pod of it", async () => {
    const [apps, core] = [config.makeApiClient(AppsV1Api), config.makeApiClient(CoreV1Api)];
    const at = { namespace: "default", name: "web" };
    const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image: "web:1" }] } };
    await apps.createNamespacedDeployment({
      namespace: "default",
      body: { metadata: { name: "web" }, spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template } },
    });
    const scale = await apps.readNamespacedDeploymentScale(at);
    // Without the version read, for the controllers write the deployment's status meanwhile.
    await apps.replaceNamespacedDeploymentScale({ ...at, body: { ...scale, metadata: { ...at }, spec: { replicas: 2 } } });
    const available = async () => (await apps.readNamespacedDeployment(at)).status?.availableReplicas;
    await expect.poll(available, { timeout: 20_000 }).toBe(2);
    const [pod] = (await core.listNamespacedPod({ namespace: "default", labelSelector: "app=web", fieldSelector: "status.phase=Running" })).items;
    const name = pod?.metadata?.name ?? "";
    await core.createNamespacedPodEviction({ namespace: "default", name, body: { metadata: { name, namespace: "default" } } });
    await expect
      .poll(async () => (await core.listNamespacedPod({ namespace: "default" })).items.some(({ metadata }) => metadata?.name === name), { timeout: 20_000 })
      .toBe(false);
    await apps.deleteNamespacedDeployment({ ...at, propagationPolicy: "Foreground" });
    await expect.poll(async () => (await core.listNamespacedPod({ namespace: "default" })).items.length, { timeout: 20_000 }).toBe(0);
  });

  it("acts as a service account, and may what RBAC lets it", async () => {
    const [core, rbac] = [config.makeApiClient(CoreV1Api), config.makeApiClient(RbacAuthorizationV1Api)];
    const { status } = await core.createNamespacedServiceAccountToken({ namespace: "default", name: "default", body: { spec: { audiences: [] } } });
    const account = new KubeConfig();
    account.loadFromClusterAndUser(config.getCurrentCluster() ?? { name: "", server: "", skipTLSVerify: false }, { name: "sa", token: status?.token ?? "" });
    const review = await account.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
    expect(review.status?.userInfo?.username).toBe("system:serviceaccount:default:default");
    const list = () => account.makeApiClient(CoreV1Api).listNamespacedConfigMap({ namespace: "default" });
    await expect(list()).rejects.toMatchObject({ code: 403 });
    const subjects = [{ kind: "ServiceAccount", name: "default", namespace: "default" }];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
    await rbac.createNamespacedRoleBinding({ namespace: "default", body: { metadata: { name: "view" }, subjects, roleRef } });
    expect((await list()).items.length).toBeGreaterThan(0);
  });

  it("knows who has no credentials, or false ones", async () => {
    const stranger = openSession(false);
    expect((await send("GET", "/version", {}, undefined, stranger)).status).toBe(200);
    expect((await send("GET", MAPS, {}, undefined, stranger)).json()).toMatchObject({ reason: "Forbidden", code: 403 });
    expect((await send("GET", "/version", { authorization: "Bearer a.b.c" }, undefined, stranger)).json()).toMatchObject({ reason: "Unauthorized", code: 401 });
    stranger.destroy();
  });
});

describe("what is malformed", () => {
  const DEEP = 100_000;
  const bodies: readonly [string, string, string | Uint8Array, number][] = [
    ["no JSON", "application/json", '{"a":', 400],
    ["no object", "application/json", "[1]", 400],
    ["nothing", "application/json", "", 400],
    ["deep JSON", "application/json", "[".repeat(DEEP), 400],
    ["deep YAML", "application/yaml", "[".repeat(DEEP), 400],
    ["deep YAML blocks", "application/yaml", "- ".repeat(DEEP), 400],
    ["no UTF-8", "application/json", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 400],
    ["no protobuf", "application/vnd.kubernetes.protobuf", Uint8Array.of(0x6b, 0x38, 0x73, 0, 0xff, 0xff, 1), 400],
    ["another kind", "application/json", '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}}', 400],
    ["another type", "application/json", '{"metadata":{"name":"x"},"data":{"a":1}}', 400],
    ["a name that climbs", "application/json", '{"metadata":{"name":"../x"}}', 422],
    ["a label named __proto__", "application/json", '{"metadata":{"name":"x","labels":{"__proto__":"y"}}}', 422],
    ["too much", "application/json", `{"metadata":{"name":"x"},"data":{"a":"${"x".repeat(3_200_000)}"}}`, 413],
    ["unknown form", "text/plain", "x", 415],
  ];

  it.each(bodies)("gets a Status: %s", async (_what, type, body, code) => {
    const answer = await send("POST", MAPS, { "content-type": type }, body);
    expect(answer.json()).toMatchObject({ kind: "Status", status: "Failure", code });
  });

  it.each([
    ["continue=x", 400],
    ["resourceVersion=x", 400],
    ["labelSelector=a%20in%20(", 400],
    ["fieldSelector=spec.nope%3Da", 400],
    ["resourceVersionMatch=Exact", 422],
    ["sendInitialEvents=true", 422],
    ["watch=1&sendInitialEvents=true", 422],
    ["resourceVersion=999999999", 504],
  ])("gets a Status: ?%s", async (query, code) => {
    expect((await send("GET", `${MAPS}?${query}`)).json()).toMatchObject({ kind: "Status", code });
  });

  it("changes nothing in objects or prototypes", async () => {
    const body = '{"metadata":{"name":"keys"},"data":{"constructor":"c","toString":"s"},"__proto__":{"data":{"z":"z"}}}';
    expect((await send("POST", MAPS, JSON_TYPE, body)).json()).toMatchObject({ data: { constructor: "c", toString: "s" } });
    const patch = '[{"op":"add","path":"/__proto__/polluted","value":"x"}]';
    expect((await send("PATCH", `${MAPS}/keys`, { "content-type": "application/json-patch+json" }, patch)).status).toBe(422);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
    expect((await send("GET", "/readyz")).text).toBe("ok");
  });
});

describe("many", () => {
  it("watches on few connections all see each event once", async () => {
    const sessions = [openSession(), openSession()];
    const texts: string[] = [];
    for (let number = 0; number < 1000; number++) {
      const stream = sessions[number % 2]?.request({ ":path": `${MAPS}?watch=1&fieldSelector=metadata.name%3Dwatched` });
      texts[number] = "";
      stream?.on("data", (chunk: Buffer) => (texts[number] += chunk.toString()));
      if (stream !== undefined) await once(stream, "response");
    }
    await send("POST", MAPS, JSON_TYPE, '{"metadata":{"name":"watched"}}');
    await send("DELETE", `${MAPS}/watched`);
    const types = (text: string): string =>
      text
        .trim()
        .split("\n")
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as { type: string }).type)
        .join();
    await expect.poll(() => texts.filter((text) => types(text) === "ADDED,DELETED").length, { timeout: 20_000 }).toBe(1000);
    for (const one of sessions) one.destroy();
  });

  it("pages of a list show one state, whatever happens meanwhile", async () => {
    await Promise.all(
      Array.from({ length: 25 }, (_, number) =>
        send("POST", MAPS, JSON_TYPE, JSON.stringify({ metadata: { name: `page-${number + 10}`, labels: { page: "" } } })),
      ),
    );
    const names: string[] = [];
    let next = "";
    do {
      const page = (await send("GET", `${MAPS}?labelSelector=page&limit=7&continue=${next}`)).json() as {
        items: { metadata: { name: string } }[];
        metadata: { continue?: string };
      };
      names.push(...page.items.map(({ metadata }) => metadata.name));
      next = page.metadata.continue ?? "";
      await send("DELETE", `${MAPS}/page-34`);
    } while (next !== "");
    expect(names).toEqual(Array.from({ length: 25 }, (_, number) => `page-${number + 10}`));
    await send("DELETE", `${MAPS}?labelSelector=page`);
    expect((await send("GET", `${MAPS}?labelSelector=page`)).json()).toMatchObject({ items: [] });
  });
});

// The port itself, over real sockets: HTTP/1.1 and HTTP/2, client certificates, tunnels to a kubelet.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Node, nodes, type Pod, pods, serviceAccounts } from "../api/index.ts";
import { createSystemEnv } from "../base/index.host.ts";
import { createPki, type Pki } from "../kubeadm/index.ts";
import { createMemoryStore } from "../store/index.ts";
import { type ApiServer, createApiServer, createNodeConnector, type Listener, listen } from "./index.host.ts";

const env = createSystemEnv({ logLevel: "silent" });
let pki: Pki;
let server: ApiServer;
let listener: Listener;
/** Stands for a kubelet: echoes what is tunnelled to it, tells what it was asked. */
let kubelet: Server;

beforeAll(async () => {
  const address = { nodeName: "localhost", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" };
  pki = await createPki(env, address);
  kubelet = createServer((request, response) => response.end(`${request.method} ${request.url}`));
  kubelet.on("upgrade", (request, socket: Socket) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${request.headers.upgrade}\r\nx-target: ${request.url}\r\n\r\n`);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => kubelet.listen(0, "127.0.0.1", resolve));
  const connector = createNodeConnector({ clientCertificate: pki.apiServerKubeletClient, authorities: pki.ca.certificate });
  const { port } = kubelet.address() as AddressInfo;
  const backend = connector.endpoint("http", "127.0.0.1", port);
  server = createApiServer(env, { store: createMemoryStore(env), nodes: { kubelet: () => backend, endpoint: () => backend, server: () => backend } });
  await server.start();
  const tls = { certificate: pki.apiServer.certificate, privateKey: pki.apiServer.key, clientAuthorities: pki.ca.certificate };
  listener = await listen(env, server, { host: "127.0.0.1", port: 0, tls });
  await createPod();
});

afterAll(async () => {
  await server.stop();
  await listener.close();
  await new Promise((resolve) => kubelet.close(resolve));
});

async function createPod(): Promise<void> {
  const client = server.localClient({ name: "admin", groups: ["system:masters"] });
  await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
  await client.create(nodes, { apiVersion: "v1", kind: "Node", metadata: { name: "n" } } as Node);
  const spec = { nodeName: "n", containers: [{ name: "c", image: "i" }] };
  const pod = await client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default" }, spec } as unknown as Pod);
  await client.update(pods, { ...pod, status: { phase: "Running", podIP: "10.244.0.9" } }, { subresource: "status" });
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

function options(method: string, path: string, headers: Record<string, string | string[]>, user: "admin" | "nobody") {
  const certificate = user === "admin" ? { cert: pki.admin.certificate, key: pki.admin.key } : {};
  return { host: "127.0.0.1", port: listener.port, method, path, headers, ca: pki.ca.certificate, agent: false as const, ...certificate };
}

function send(
  method: string,
  path: string,
  headers: Record<string, string | string[]> = {},
  user: "admin" | "nobody" = "admin",
  body?: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options(method, path, headers, user), (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function tunnel(path: string, text: string, user: "admin" | "nobody" = "admin"): Promise<{ target: string; echo: string } | number> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options("POST", path, { connection: "Upgrade", upgrade: "SPDY/3.1" }, user));
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("upgrade", (response, socket: Socket) => {
      socket.write(text);
      socket.once("data", (chunk: Buffer) => {
        socket.destroy();
        resolve({ target: String(response.headers["x-target"]), echo: chunk.toString() });
      });
    });
    request.end();
  });
}

describe("the server's port", () => {
  it("answers over HTTP/1.1 to who has a certificate, and knows who has none", async () => {
    expect((await send("GET", "/api/v1/namespaces/default/pods/p")).status).toBe(200);
    expect((await send("GET", "/api/v1/namespaces/default/pods/p", {}, "nobody")).status).toBe(403);
    expect((await send("GET", "/version", {}, "nobody")).status).toBe(200);
  });

  it("answers over HTTP/2", async () => {
    const session = connect(`https://127.0.0.1:${listener.port}`, { ca: pki.ca.certificate, cert: pki.admin.certificate, key: pki.admin.key });
    const stream = session.request({ ":path": "/api/v1/namespaces/default/pods" });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    session.close();
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ kind: "PodList", items: [{ metadata: { name: "p" } }] });
  });

  it("reads every group that somebody is to act with, over both HTTP versions", async () => {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const impersonation = { "impersonate-user": "jane", "impersonate-group": ["team", "a, b"] };
    const headers = { "content-type": "application/json", ...impersonation };
    const answer = await send("POST", path, headers, "admin", JSON.stringify(review));
    expect(JSON.parse(answer.body.toString()).status.userInfo.groups).toEqual(["team", "a, b", "system:authenticated"]);
    const session = connect(`https://127.0.0.1:${listener.port}`, { ca: pki.ca.certificate, cert: pki.admin.certificate, key: pki.admin.key });
    const stream = session.request({ ":method": "POST", ":path": path, ...headers });
    stream.end(JSON.stringify(review));
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    session.close();
    expect(JSON.parse(Buffer.concat(chunks).toString()).status.userInfo.groups).toEqual(["team", "a, b", "system:authenticated"]);
  });

  it("compresses large answers for who takes them so", async () => {
    const large = await send("GET", "/openapi/v2", { "accept-encoding": "gzip" });
    expect(large.headers["content-encoding"]).toBe("gzip");
    expect(JSON.parse(gunzipSync(large.body).toString())).toMatchObject({ swagger: "2.0" });
    expect((await send("GET", "/openapi/v2", { "if-none-match": String(large.headers["etag"]) })).status).toBe(304);
  });

  it("refuses bodies beyond its limit", async () => {
    const answer = await send(
      "POST",
      "/api/v1/namespaces/default/configmaps",
      { "content-type": "application/json" },
      "admin",
      "x".repeat(3 * 1024 * 1024 + 1),
    );
    expect(answer.status).toBe(413);
  });

  it("reads long headers over both HTTP versions, and answers to what is no HTTP", async () => {
    const path = `/api/v1/namespaces/default/pods?labelSelector=${encodeURIComponent(`a in (${"b,".repeat(10_000)}c)`)}`;
    expect((await send("GET", path)).status).toBe(200);
    const session = connect(`https://127.0.0.1:${listener.port}`, { ca: pki.ca.certificate, cert: pki.admin.certificate, key: pki.admin.key });
    const stream = session.request({ ":path": path });
    const [headers] = await once(stream, "response");
    session.destroy();
    expect(headers[":status"]).toBe(200);
    const socket = connectTls({ host: "127.0.0.1", port: listener.port, ca: pki.ca.certificate, ALPNProtocols: ["http/1.1"] }, () => socket.write("?\r\n\r\n"));
    expect(String(await once(socket, "data"))).toMatch(/^HTTP\/1.1 400 /);
    socket.destroy();
  });

  it("reads logs from the kubelet", async () => {
    const answer = await send("GET", "/api/v1/namespaces/default/pods/p/log?follow=true&tailLines=5");
    expect(answer.body.toString()).toBe("GET /containerLogs/default/p/c?follow=true&tailLines=5");
  });

  it.each([
    [undefined, ["", "GET /containerLogs/default/p/c"]],
    ["binary.k8s.io", ["", "GET /containerLogs/default/p/c"]],
    ["base64.binary.k8s.io", ["", btoa("GET /containerLogs/default/p/c")]],
  ])("sends logs over a WebSocket with protocol %s, and closes it after them", async (protocol, messages) => {
    const { host, path, ca, cert, key } = { cert: "", key: "", ...options("GET", "/api/v1/namespaces/default/pods/p/log", {}, "admin") };
    const socket = new WebSocket(`wss://${host}:${listener.port}${path}`, protocol ?? [], { ca, cert, key });
    const received: string[] = [];
    socket.on("message", (data) => received.push(String(data)));
    const [code] = await once(socket, "close");
    expect([received, code, socket.protocol]).toEqual([messages, 1000, protocol ?? ""]);
  });

  it("tunnels exec to the kubelet, byte for byte", async () => {
    const path = "/api/v1/namespaces/default/pods/p/exec?command=ls&command=-l&stdin=true&stdout=true&stderr=true";
    expect(await tunnel(path, "hello")).toEqual({ target: "/exec/default/p/c?input=1&output=1&error=1&command=ls&command=-l", echo: "hello" });
    expect(await tunnel(path, "hello", "nobody")).toBe(403);
    expect(await tunnel("/api/v1/namespaces/default/pods/none/exec?command=ls", "hello")).toBe(404);
  });

  it("passes requests through to pods and nodes, and sends the root to its slash form", async () => {
    const proxied = await send("GET", "/api/v1/namespaces/default/pods/http:p:80/proxy/a%20b/c?d=e");
    expect(proxied.body.toString()).toBe("GET /a%20b/c?d=e");
    const root = await send("GET", "/api/v1/namespaces/default/pods/p:80/proxy?x=y");
    expect([root.status, root.headers["location"]]).toEqual([301, "/api/v1/namespaces/default/pods/p:80/proxy/?x=y"]);
    expect((await send("DELETE", "/api/v1/nodes/n/proxy/pods")).body.toString()).toBe("DELETE /pods");
  });
});

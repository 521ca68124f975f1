// What the server does with clients that no etcdctl is.
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { afterEach, expect, it } from "vitest";
import { createSystemEnv } from "../../base/index.host.ts";
import { createPki } from "../../kubeadm/index.ts";
import { createMemoryStore } from "../memory.ts";
import { grpcStatus } from "./grpc.ts";
import { codec } from "./messages.ts";
import { type EtcdServing, serveEtcd } from "./serve.host.ts";

const env = createSystemEnv({ logLevel: "silent" });
let serving: EtcdServing | undefined;
afterEach(async () => serving?.close());

async function serve(scheme: "http" | "https", withTls = true): Promise<number> {
  const { apiServer } = await createPki(env, { nodeName: "n", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" });
  const tls = withTls ? { tls: { certificate: apiServer.certificate, privateKey: apiServer.key } } : {};
  serving = await serveEtcd(env, createMemoryStore(env), { name: "m", clientUrls: [], listenUrls: [new URL(`${scheme}://127.0.0.1:0`)], ...tls });
  return serving.ports[0] ?? 0;
}

/** The status that the call ends with. */
async function call(port: number, message: Uint8Array, flag = 0): Promise<number> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({ ":method": "POST", ":path": "/etcdserverpb.KV/Range", "content-type": "application/grpc", te: "trailers" });
    const prefix = Buffer.alloc(5);
    prefix[0] = flag;
    prefix.writeUInt32BE(message.length, 1);
    stream.resume().end(Buffer.concat([prefix, message]));
    const [trailers] = (await once(stream, "trailers")) as [Record<string, string>];
    return Number(trailers["grpc-status"]);
  } finally {
    session.destroy();
  }
}

it("refuses what is no message, too long or compressed, and goes on", async () => {
  const port = await serve("http");
  const good = codec.encode("RangeRequest", { key: new TextEncoder().encode("a") });
  expect(await call(port, Uint8Array.of(0x0a, 0xff, 0xff, 0x03))).toBe(grpcStatus.invalidArgument);
  expect(await call(port, new Uint8Array(3 * 1024 * 1024))).toBe(grpcStatus.invalidArgument);
  expect(await call(port, good, 1)).toBe(grpcStatus.unimplemented);
  expect(await call(port, good)).toBe(grpcStatus.ok);
});

it("does not serve in plain text what is to be secret", async () => {
  await expect(serve("https", false)).rejects.toThrow("needs a certificate");
});

it("does not wait for handshakes when it ends", async () => {
  const socket = connect(await serve("https"), "127.0.0.1");
  await once(socket, "connect");
  const closed = once(socket, "close");
  await serving?.close();
  await closed;
  serving = undefined;
});

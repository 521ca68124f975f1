// Our scheduler as a process of its own, over HTTPS to whichever API server: arguments are the kubeconfig and the port of its metrics.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createSystemEnv } from "../../src/base/index.host.ts";
import { createHttpsClient } from "../../src/client/index.host.ts";
import { parseKubeconfig } from "../../src/kubeadm/index.ts";
import { createScheduler } from "../../src/scheduler/index.ts";

const [file = "", port = "0"] = process.argv.slice(2);
const { clusters, users } = parseKubeconfig(readFileSync(file, "utf8"));
const decode = (text: string | undefined): string | undefined => (text === undefined ? undefined : Buffer.from(text, "base64").toString());
const env = createSystemEnv({ logLevel: "warn" });
const client = createHttpsClient(env, {
  server: clusters[0]?.cluster.server ?? "",
  caPem: decode(clusters[0]?.cluster["certificate-authority-data"]),
  clientCertPem: decode(users[0]?.user["client-certificate-data"]),
  clientKeyPem: decode(users[0]?.user["client-key-data"]),
});
await createScheduler(env, client).start();
createServer((request, response) => response.end(request.url === "/metrics" ? env.metrics.render() : "ok")).listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));

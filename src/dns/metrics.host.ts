// The metrics of the process that serves DNS, where CoreDNS has them (https://coredns.io/plugins/metrics/).
import { createServer } from "node:http";
import type { Env } from "../base/index.ts";

export async function listenMetrics(env: Env, at: { readonly host: string; readonly port: number }): Promise<{ close(): void }> {
  const server = createServer((request, response) => {
    const isKnown = request.url === "/metrics";
    response.writeHead(isKnown ? 200 : 404, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(isKnown ? env.metrics.render() : "404 page not found\n");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at.port, at.host, resolve);
  });
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

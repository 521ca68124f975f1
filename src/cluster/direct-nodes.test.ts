import { describe, expect, it } from "vitest";
import type { BackendRequest } from "../apiserver/index.ts";
import { createDirectNodeConnector } from "./direct-nodes.ts";

const request: BackendRequest = { method: "POST", target: "/", headers: {}, abort: new AbortController().signal };

describe("an embedded cluster's way to webhooks", () => {
  it("leads out of the process, but not to simulated pods", async () => {
    const asked: string[] = [];
    const reject = (): Promise<never> => Promise.reject(new Error("reached"));
    const connector = createDirectNodeConnector(new Map(), async () => ({
      server: ({ host }) => {
        asked.push(host);
        return { request: reject, upgrade: reject };
      },
    }));
    await expect(connector.server({ host: "127.0.0.1", port: 8443, serverName: "127.0.0.1" }).request(request)).rejects.toThrow("reached");
    await expect(connector.server({ host: "10.244.0.5", port: 8443, serverName: "hook.default.svc" }).request(request)).rejects.toThrow("is simulated");
    expect(asked).toEqual(["127.0.0.1"]);
  });
});

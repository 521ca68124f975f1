import { describe, expect, it } from "vitest";
import { configMaps, type Kind, pods, type ResourceQuota, resourceQuotas, secrets } from "../api/index.ts";
import { followKinds, type KindDiscovery } from "./kind-discovery.ts";
import { resourceQuotaController } from "./resourcequota.ts";
import { started, testContext } from "./testing.ts";

/** Serves what it is told to, and says so. */
class ServedKinds implements KindDiscovery {
  private readonly listeners = new Set<() => void>();
  kinds: Kind[];
  constructor(...kinds: readonly unknown[]) {
    this.kinds = kinds as Kind[];
  }
  async deletableKinds(): Promise<{ kinds: readonly Kind[] }> {
    return { kinds: this.kinds };
  }
  kindsNamed(): readonly Kind[] {
    return [];
  }
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  change(...kinds: readonly unknown[]): void {
    this.kinds = kinds as Kind[];
    for (const listener of this.listeners) listener();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the kinds that are served", () => {
  it("are followed from when they come until they go", async () => {
    const served = new ServedKinds(pods, secrets);
    const log: string[] = [];
    const stop = await followKinds(served, {
      wanted: ({ resource }) => resource !== "secrets",
      follow: ({ resource }) => {
        log.push(`begin ${resource}`);
        return { synced: Promise.resolve(), end: () => log.push(`end ${resource}`) };
      },
      failed: (error) => log.push(String(error)),
    });
    served.change(pods, configMaps);
    await turn();
    served.change(configMaps);
    await turn();
    stop();
    served.change(pods);
    await turn();
    expect(log).toEqual(["begin pods", "begin configmaps", "end pods", "end configmaps"]);
  });

  it("are not waited for when they go before they were seen", async () => {
    const served = new ServedKinds(pods);
    const following = followKinds(served, {
      wanted: () => true,
      follow: () => ({ synced: new Promise(() => undefined), end: () => undefined }),
      failed: () => undefined,
    });
    await turn();
    served.change();
    (await following)();
  });

  it("are counted by quotas as soon as they are there", async () => {
    const { context, client, clock } = testContext();
    const served = new ServedKinds(pods);
    const running = await started(resourceQuotaController(served), context, clock);
    const quota: ResourceQuota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "q", namespace: "default" },
      spec: { hard: { "count/configmaps": "3" } },
    };
    await client.create(resourceQuotas, quota);
    const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" } });
    await client.create(configMaps, map("a"));
    const used = async () => (await client.get(resourceQuotas, { namespace: "default", name: "q" })).status?.used;
    await clock.advance(1000);
    expect(await used()).toEqual({ "count/configmaps": "0" });
    served.change(pods, configMaps);
    await clock.advance(1000);
    expect(await used()).toEqual({ "count/configmaps": "1" });
    await client.create(configMaps, map("b"));
    await clock.advance(1000);
    expect(await used()).toEqual({ "count/configmaps": "2" });
    await running.stop();
  });
});

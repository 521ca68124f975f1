import { describe, expect, it } from "vitest";
import { type ConfigMap, configMaps, forbiddenError, secrets } from "../api/index.ts";
import { create, patch } from "./action.ts";
import { controller } from "./controller.ts";
import { started, testContext } from "./testing.ts";

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

/** Makes a secret per config map, unless it sees one; counts its looks. */
function secretMaker() {
  const looks: string[] = [];
  const maker = controller<ConfigMap, { map: ConfigMap; isThere: boolean }>("secret-maker", {
    for: configMaps,
    reads: [secrets],
    observe: (key, caches) => {
      const map = caches.of(configMaps).get(key);
      return map === undefined ? undefined : { map, isThere: caches.of(secrets).get(key) !== undefined };
    },
    plan: ({ map, isThere }) => {
      looks.push(`${map.data?.["step"] ?? "first"} ${isThere ? "there" : "missing"}`);
      const { name, namespace } = map.metadata;
      return { actions: isThere ? [] : [create(secrets, { apiVersion: "v1", kind: "Secret", metadata: { name, namespace } })] };
    },
  });
  return { maker, looks };
}

describe("a controller", () => {
  it("does not plan on a view that lacks its own writes, and plans soon after the view has them", async () => {
    const { context, client, clock } = testContext();
    const { watch } = client;
    // What happens to secrets shows a while later.
    client.watch = (kind, options, handler) => {
      const event: typeof handler.event = (what) => void context.env.clock.setTimeout(() => handler.event(what), 300);
      return watch(kind, options, kind.resource === "secrets" ? { event, ended: handler.ended } : handler);
    };
    const { maker, looks } = secretMaker();
    const starting = maker.start(context);
    await clock.advance(300);
    const running = await starting;
    const map = await client.create(configMaps, configMap("a"));
    await clock.advance(100);
    await client.update(configMaps, { ...map, data: { step: "second" } });
    await clock.advance(100);
    expect(looks).toEqual(["first missing"]);
    await clock.advance(2000);
    expect(looks).toEqual(["first missing", "second there"]);
    await running.stop();
  });

  it("looks once at a change, though it is told of the state before and the one after", async () => {
    const { context, client, clock } = testContext();
    const { maker, looks } = secretMaker();
    const running = await started(maker, context, clock);
    const map = await client.create(configMaps, configMap("a"));
    await clock.advance(100);
    await client.update(configMaps, { ...map, data: { step: "second" } });
    await clock.advance(100);
    expect(looks).toEqual(["first missing", "second there"]);
    await running.stop();
  });

  it("comes back ever later to what fails, and forgets that once it went well", async () => {
    const { context, client, clock } = testContext();
    const { maker, looks } = secretMaker();
    const running = await started(maker, context, clock);
    const { create: make } = client;
    let refusals = 2;
    client.create = (kind, object) =>
      kind.resource === "secrets" && refusals-- > 0 ? Promise.reject(forbiddenError(secrets, "a", "planted")) : make(kind, object);
    await client.create(configMaps, configMap("a"));
    await clock.advance(1);
    expect(looks).toHaveLength(1);
    await clock.advance(5);
    expect(looks).toHaveLength(2);
    await clock.advance(5);
    expect(looks).toHaveLength(2);
    await clock.advance(5);
    expect(looks).toEqual(["first missing", "first missing", "first missing"]);
    expect(await client.get(secrets, { namespace: "default", name: "a" })).toBeDefined();
    await running.stop();
  });

  it("carries on with what follows the actions even when they failed", async () => {
    const { context, client, clock } = testContext();
    const failures: (string | undefined)[] = [];
    const reporter = controller<ConfigMap, ConfigMap>("reporter", {
      for: configMaps,
      observe: (key, caches) => caches.of(configMaps).get(key),
      plan: (map) => ({
        actions: [patch(configMaps, map, { type: "merge", body: {} }, "planted")],
        afterwards: (failure) => {
          failures.push(failure?.message);
          return [];
        },
      }),
    });
    client.patch = async () => {
      throw new Error("planted");
    };
    const running = await started(reporter, context, clock);
    await client.create(configMaps, configMap("a"));
    await clock.advance(1);
    expect(failures).toEqual(["planted"]);
    await running.stop();
  });
});

// What every Client must do, whatever carries it: one suite, run over each transport (test/client-contract.test.ts).
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConfigMap, configMaps, deployments, namespaces, type Pod, pods, StatusError, serviceAccounts } from "../api/index.ts";
import type { Client, Watch, WatchEvent, WatchOptions } from "./client.ts";

export interface ClientUnderTest {
  readonly client: Client;
  cleanUp(): Promise<void>;
}

interface Recorded {
  readonly watch: Watch;
  readonly events: string[];
  readonly ended: Promise<StatusError | undefined>;
  /** Resolves when so many events came. */
  count(events: number): Promise<void>;
}

function configMap(name: string, more: Partial<ConfigMap> = {}): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default", labels: { suite: "contract" } }, data: { a: "1" }, ...more };
}

/** An event with its object's type and data, as text. */
function shown(event: WatchEvent<ConfigMap>): string {
  if (event.type === "BOOKMARK") return event.initialEventsEnd ? "END" : "BOOKMARK";
  return `${event.type} ${event.object.kind}/${event.object.metadata.name} ${event.object.data?.["a"]}`;
}

function record(client: Client, options: WatchOptions): Recorded {
  const events: string[] = [];
  const waiters: { count: number; resolve: () => void }[] = [];
  let end: (error: StatusError | undefined) => void = () => undefined;
  const ended = new Promise<StatusError | undefined>((resolve) => {
    end = resolve;
  });
  const watch = client.watch(
    configMaps,
    { namespace: "default", labelSelector: "suite=contract", ...options },
    {
      event: (event) => {
        const text = shown(event);
        if (text === "BOOKMARK") return;
        events.push(text);
        for (const waiter of waiters) if (events.length >= waiter.count) waiter.resolve();
      },
      ended: end,
    },
  );
  const count = (wanted: number): Promise<void> =>
    events.length >= wanted ? Promise.resolve() : new Promise((resolve) => waiters.push({ count: wanted, resolve }));
  return { watch, events, ended, count };
}

async function failureOf(request: Promise<unknown>): Promise<StatusError> {
  const error = await request.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return error as StatusError;
}

export function clientContract(name: string, open: () => Promise<ClientUnderTest>): void {
  describe(`${name}: a client`, () => {
    let under: ClientUnderTest;
    let client: Client;
    beforeEach(async () => {
      under = await open();
      client = under.client;
    });
    afterEach(async () => {
      await under.cleanUp();
    });
    const at = (name: string) => ({ namespace: "default", name });

    it("creates, gets, updates and deletes", async () => {
      const created = await client.create(configMaps, configMap("one"));
      expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
      expect(await client.get(configMaps, at("one"))).toEqual(created);
      const updated = await client.update(configMaps, { ...created, data: { a: "2" } });
      expect(Number(updated.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
      await client.delete(configMaps, at("one"), { preconditions: { uid: created.metadata.uid } });
      expect(await failureOf(client.get(configMaps, at("one")))).toMatchObject({ reason: "NotFound", code: 404, message: 'configmaps "one" not found' });
    });

    it("names what is generated, and leaves nothing behind in a dry run", async () => {
      const { metadata } = await client.create(configMaps, configMap("", { metadata: { name: "", generateName: "made-", namespace: "default" } }));
      expect(metadata.name).toMatch(/^made-[a-z0-9]{5}$/);
      await client.create(configMaps, configMap("dry"), { dryRun: true });
      expect((await failureOf(client.get(configMaps, at("dry")))).reason).toBe("NotFound");
    });

    it("fails with reasons, codes and causes", async () => {
      const created = await client.create(configMaps, configMap("one"));
      expect(await failureOf(client.create(configMaps, configMap("one")))).toMatchObject({ reason: "AlreadyExists", code: 409 });
      await client.update(configMaps, { ...created, data: { a: "2" } });
      expect(await failureOf(client.update(configMaps, { ...created, data: { a: "3" } }))).toMatchObject({ reason: "Conflict", code: 409 });
      const invalid = await failureOf(client.create(configMaps, configMap("Not_A_Name")));
      expect(invalid).toMatchObject({ reason: "Invalid", code: 422 });
      expect(invalid.details?.causes?.[0]?.field).toBe("metadata.name");
    });

    it("lists by selectors, with the type in every item, and in pages", async () => {
      for (const name of ["a", "b", "c"]) await client.create(configMaps, configMap(name));
      await client.create(configMaps, configMap("other", { metadata: { name: "other", namespace: "default" } }));
      const all = await client.list(configMaps, { namespace: "default", labelSelector: "suite=contract" });
      expect(all.items.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`)).toEqual([
        "v1 ConfigMap a",
        "v1 ConfigMap b",
        "v1 ConfigMap c",
      ]);
      const one = await client.list(configMaps, { fieldSelector: "metadata.name=b" });
      expect(one.items.map(({ metadata }) => metadata.name)).toEqual(["b"]);
      const first = await client.list(configMaps, { namespace: "default", limit: 3 });
      expect(first.remainingItemCount).toBe(1);
      const rest = await client.list(configMaps, { namespace: "default", limit: 3, continue: first.continue });
      expect(rest.items).toHaveLength(1);
      expect(rest.continue).toBeUndefined();
    });

    it("patches by JSON patch, merge patch and strategic merge", async () => {
      await client.create(configMaps, configMap("one"));
      await client.patch(configMaps, at("one"), { type: "merge", body: { data: { b: "2" } } });
      await client.patch(configMaps, at("one"), { type: "json", body: [{ op: "replace", path: "/data/a", value: "3" }] });
      const patched = await client.patch(configMaps, at("one"), { type: "strategic", body: { metadata: { labels: { more: "yes" } } } });
      expect(patched.data).toEqual({ a: "3", b: "2" });
      expect(patched.metadata.labels).toEqual({ suite: "contract", more: "yes" });
    });

    it("writes subresources", async () => {
      await client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
      const spec = { containers: [{ name: "main", image: "app:1" }] };
      const created = await client.create(pods, { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "default" }, spec } as Pod);
      await client.createSubresource(pods, at("p"), "binding", {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name: "p" },
        target: { kind: "Node", name: "n" },
      } as never);
      const bound = await client.get(pods, at("p"));
      expect(bound.spec.nodeName).toBe("n");
      await client.update(pods, { ...bound, status: { phase: "Running" } }, { subresource: "status" });
      expect((await client.get(pods, at("p"))).status?.phase).toBe("Running");
      await client.delete(pods, at("p"), { gracePeriodSeconds: 0, preconditions: { uid: created.metadata.uid } });
      expect((await failureOf(client.get(pods, at("p")))).code).toBe(404);
    });

    it("works with kinds of other groups and without namespace", async () => {
      expect((await client.get(namespaces, { name: "default" })).status?.phase).toBe("Active");
      expect((await client.list(deployments)).items).toEqual([]);
      expect((await failureOf(client.get(deployments, at("none")))).message).toBe('deployments.apps "none" not found');
    });

    it("deletes collections by selector", async () => {
      for (const name of ["a", "b"]) await client.create(configMaps, configMap(name));
      await client.create(configMaps, configMap("other", { metadata: { name: "other", namespace: "default" } }));
      await client.deleteCollection(configMaps, { namespace: "default", labelSelector: "suite=contract" });
      const left = (await client.list(configMaps, { namespace: "default" })).items.map(({ metadata }) => metadata.name);
      expect(left).toEqual(["other"]);
    });

    it("watches from a version on, in order, until it is stopped", async () => {
      const { metadata } = await client.create(configMaps, configMap("old"));
      const recorded = record(client, { resourceVersion: metadata.resourceVersion });
      const created = await client.create(configMaps, configMap("one"));
      await client.update(configMaps, { ...created, data: { a: "2" } });
      await client.delete(configMaps, at("one"));
      await recorded.count(3);
      recorded.watch.stop();
      expect(await recorded.ended).toBeUndefined();
      await client.create(configMaps, configMap("late"));
      expect(recorded.events).toEqual(["ADDED ConfigMap/one 1", "MODIFIED ConfigMap/one 2", "DELETED ConfigMap/one 2"]);
    });

    it("begins a watch with the present state where asked to", async () => {
      await client.create(configMaps, configMap("one"));
      const recorded = record(client, { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowBookmarks: true });
      await recorded.count(2);
      await client.create(configMaps, configMap("two"));
      await recorded.count(3);
      recorded.watch.stop();
      expect(recorded.events).toEqual(["ADDED ConfigMap/one 1", "END", "ADDED ConfigMap/two 1"]);
    });

    it("tells when an object leaves what a watch selects", async () => {
      const created = await client.create(configMaps, configMap("one"));
      const recorded = record(client, { resourceVersion: created.metadata.resourceVersion });
      await client.update(configMaps, { ...created, metadata: { ...created.metadata, labels: {} } });
      await recorded.count(1);
      recorded.watch.stop();
      expect(recorded.events).toEqual(["DELETED ConfigMap/one 1"]);
    });

    it("ends a watch that cannot be with the reason", async () => {
      const recorded = record(client, { fieldSelector: "spec.nothing=1" });
      expect(await recorded.ended).toMatchObject({ reason: "BadRequest", code: 400 });
    });
  });
}

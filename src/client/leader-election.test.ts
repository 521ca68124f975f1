import { expect, it } from "vitest";
import { leases, serviceUnavailableError } from "../api/index.ts";
import { createVirtualEnv } from "../base/index.ts";
import { runLeaderElection } from "./leader-election.ts";
import { createFakeClient } from "./testing.ts";

const LEASE = { namespace: "kube-system", name: "kube-scheduler" };

function setUp() {
  const { env, clock } = createVirtualEnv();
  const client = createFakeClient(env);
  const log: string[] = [];
  const candidate = (identity: string) =>
    runLeaderElection(env, client, {
      lease: LEASE,
      identity,
      onStartedLeading: () => log.push(`${identity} leads`),
      onStoppedLeading: () => log.push(`${identity} stops`),
    });
  return { env, clock, client, log, candidate };
}

it("lets one of two lead and keeps the lease fresh", async () => {
  const { clock, client, log, candidate } = setUp();
  const [a, b] = [candidate("a"), candidate("b")];
  await clock.advance(60_000);
  expect(log).toEqual(["a leads"]);
  expect([a.isLeader(), b.isLeader()]).toEqual([true, false]);
  const lease = await client.get(leases, LEASE);
  expect(lease.spec.holderIdentity).toBe("a");
  expect(lease.spec.leaseDurationSeconds).toBe(15);
  expect(clock.now() - Date.parse(lease.spec.renewTime ?? "")).toBeLessThanOrEqual(2000);
  await Promise.all([a.stop(), b.stop()]);
});

it("hands over at once when the leader stops", async () => {
  const { clock, client, log, candidate } = setUp();
  const [a, b] = [candidate("a"), candidate("b")];
  await clock.advance(10_000);
  await a.stop();
  await clock.advance(5000);
  expect(log).toEqual(["a leads", "a stops", "b leads"]);
  expect((await client.get(leases, LEASE)).spec.leaseTransitions).toBe(1);
  await b.stop();
});

it("stops leading when it cannot renew for ten seconds", async () => {
  const { clock, client, log, candidate } = setUp();
  const a = candidate("a");
  await clock.advance(4000);
  client.failNext("update", serviceUnavailableError("away"), 5);
  await clock.advance(12_000);
  expect(log).toEqual(["a leads", "a stops"]);
  await clock.advance(20_000);
  expect(log).toEqual(["a leads", "a stops", "a leads"]);
  await a.stop();
});

it("stops leading when the API does not answer at all", async () => {
  const { clock, client, log, candidate } = setUp();
  const a = candidate("a");
  await clock.advance(4000);
  const { update } = client;
  let answer = (): void => undefined;
  client.update = (kind, object, options) =>
    new Promise((resolve) => {
      answer = () => resolve(update(kind, object, options));
    });
  await clock.advance(12_000);
  expect(log).toEqual(["a leads", "a stops"]);
  client.update = update;
  answer();
  await clock.advance(5000);
  expect(log).toEqual(["a leads", "a stops", "a leads"]);
  await a.stop();
  expect(clock.pending()).toBe(0);
});

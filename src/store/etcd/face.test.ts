// etcd's API as a client sees it, without sockets: messages in, messages out.
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { createVirtualEnv } from "../../base/index.ts";
import { createMemoryStore } from "../memory.ts";
import { always, put } from "../testing.ts";
import { planBoltFile, readBucket } from "./bolt-file.ts";
import { grpcErrorOf, keyBytes, keyOf } from "./convert.ts";
import { createEtcdFace } from "./face.ts";
import { codec, type MessageName, type WireInput } from "./messages.ts";
import { hashRows, type Row } from "./rows.ts";
import { planSnapshot, readSnapshot } from "./snapshot.ts";

function open() {
  const { env, clock } = createVirtualEnv();
  const store = createMemoryStore(env);
  const createDigest = () => {
    const hash = createHash("sha256");
    return { update: (bytes: Uint8Array) => void hash.update(bytes), finish: () => hash.digest() };
  };
  const face = createEtcdFace(env, store, { name: "m", clientUrls: [], watchProgressIntervalMs: 1000, createDigest });
  return { env, clock, store, face };
}
type Opened = ReturnType<typeof open>;

/** A call whose client reads only while `reading`. */
function call({ face }: Opened, path: string) {
  const sent: Uint8Array[] = [];
  const state = { reading: true, failure: "", ended: false };
  const method = face.methods[path];
  if (method === undefined) throw new Error(`no method ${path}`);
  const handler = method({
    send: (message) => {
      sent.push(message.slice());
      return state.reading;
    },
    end: () => {
      state.ended = true;
    },
    fail: (error) => {
      const { code, message } = grpcErrorOf(error);
      state.failure = `${code} ${message}`;
    },
  });
  const write = <Name extends MessageName>(name: Name, message: WireInput<Name>) => handler.message(codec.encode(name, message));
  return { sent, state, handler, write };
}

const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

async function ask<Request extends MessageName, Response extends MessageName>(
  opened: Opened,
  path: string,
  { request, response, message }: { request: Request; response: Response; message: WireInput<Request> },
) {
  const made = call(opened, path);
  made.write(request, message);
  await turns();
  return made.state.failure !== "" ? made.state.failure : codec.decode(response, made.sent[0] ?? new Uint8Array(0));
}

const rangeOf = (opened: Opened, message: WireInput<"RangeRequest">) =>
  ask(opened, "/etcdserverpb.KV/Range", { request: "RangeRequest", response: "RangeResponse", message });

it("refuses what etcd refuses, in its words", async () => {
  const opened = open();
  const { store } = opened;
  for (let value = 0; value < 4; value++) await store.txn(always(put("a", String(value))));
  await store.compact(3);
  expect(await rangeOf(opened, {})).toBe("3 etcdserver: key is not provided");
  expect(await rangeOf(opened, { key: keyBytes("a"), revision: 2 })).toBe("11 etcdserver: mvcc: required revision has been compacted");
  expect(await rangeOf(opened, { key: keyBytes("a"), revision: 9 })).toBe("11 etcdserver: mvcc: required revision is a future revision");
  expect(await rangeOf(opened, { key: keyBytes("a"), sortTarget: 9 })).toBe("3 etcdserver: invalid sort option");
  const putting = (message: WireInput<"PutRequest">) => ask(opened, "/etcdserverpb.KV/Put", { request: "PutRequest", response: "PutResponse", message });
  expect(await putting({ key: keyBytes("a"), lease: 5 })).toBe("5 etcdserver: requested lease not found");
  expect(await putting({ key: keyBytes("a"), value: keyBytes("x"), ignoreValue: true })).toBe("3 etcdserver: value is provided");
  const twice = { put: { key: keyBytes("a") } };
  const transact = (message: WireInput<"TxnRequest">) => ask(opened, "/etcdserverpb.KV/Txn", { request: "TxnRequest", response: "TxnResponse", message });
  expect(await transact({ success: [twice, twice] })).toBe("3 etcdserver: duplicate key given in txn request");
  expect(await transact({ success: Array.from({ length: 129 }, () => ({ range: { key: keyBytes("a") } })) })).toContain("too many operations");
  await store.setAlarm("noSpace", true);
  expect(await putting({ key: keyBytes("a") })).toBe("8 etcdserver: mvcc: database space exceeded");
  expect(opened.face.http("/health")).toMatchObject({ status: 503, body: '{"health":"false","reason":"ALARM NOSPACE"}' });
});

it("refuses transactions that are too many or too deep before it unfolds them, and what is no message", async () => {
  const opened = open();
  const transact = (message: WireInput<"TxnRequest">) => ask(opened, "/etcdserverpb.KV/Txn", { request: "TxnRequest", response: "TxnResponse", message });
  const nested = (levels: number): WireInput<"TxnRequest"> => (levels === 0 ? {} : { success: [{ txn: nested(levels - 1) }] });
  expect(await transact({ compare: Array.from({ length: 500_000 }, () => ({})) })).toMatch(/^3 etcdserver: malformed TxnRequest: .*too many messages/);
  expect(await transact(nested(50))).toMatch(/^3 .*too deep/);
  expect(await transact(nested(40))).toMatchObject({ succeeded: true });
  for (const path of ["/etcdserverpb.KV/Txn", "/etcdserverpb.Watch/Watch", "/etcdserverpb.Lease/LeaseKeepAlive"]) {
    const made = call(opened, path);
    made.handler.message(Uint8Array.of(0x0a, 0xff, 0xff, 0x03));
    await turns();
    expect(made.state.failure).toMatch(/^3 etcdserver: malformed/);
  }
});

it("answers one message of a call that has one answer", async () => {
  const opened = open();
  const made = call(opened, "/etcdserverpb.KV/Put");
  for (const key of ["a", "b"]) made.write("PutRequest", { key: keyBytes(key) });
  await turns();
  expect(made.sent).toHaveLength(1);
  expect(await rangeOf(opened, { key: keyBytes("b") })).toMatchObject({ count: 0 });
});

it("compares, and answers with keys of any bytes", async () => {
  const opened = open();
  const key = Uint8Array.from([0, 128, 255]);
  const message = {
    compare: [{ key, target: 0, result: 0, version: 0 }],
    success: [{ put: { key, value: keyBytes("1") } }, { txn: { success: [{ range: { key } }] } }],
  };
  const path = "/etcdserverpb.KV/Txn";
  const first = await ask(opened, path, { request: "TxnRequest", response: "TxnResponse", message });
  expect(first).toMatchObject({ succeeded: true, header: { revision: 2 }, responses: [{ put: {} }, { txn: { responses: [{ range: { kvs: [{ key }] } }] } }] });
  expect(await ask(opened, path, { request: "TxnRequest", response: "TxnResponse", message })).toMatchObject({ succeeded: false, responses: [] });
});

function watching(opened: Opened, ...created: WireInput<"WatchCreateRequest">[]) {
  const made = call(opened, "/etcdserverpb.Watch/Watch");
  for (const create of created) made.write("WatchRequest", { create });
  const shown = () =>
    made.sent.splice(0).map((bytes) => {
      const { watchId, created: isNew, canceled, events, header, cancelReason, fragment } = codec.decode("WatchResponse", bytes);
      const what = events.map(({ type, kv }) => `${type === 1 ? "-" : "+"}${keyOf(kv?.key ?? new Uint8Array(0))}@${kv?.modRevision}`);
      return [watchId, isNew ? "created" : "", canceled ? `canceled ${cancelReason}`.trim() : "", ...what, fragment ? "more" : "", `r${header?.revision}`]
        .filter((part) => part !== "")
        .join(" ");
    });
  return { ...made, shown };
}

it("watches many ranges over one stream, from any revision", async () => {
  const opened = open();
  const { store } = opened;
  await store.txn(always(put("a", "1"), put("b", "1")));
  await store.txn(always({ type: "delete", key: "a" }));
  const all = { key: keyBytes("a"), rangeEnd: keyBytes("z") };
  const stream = watching(opened, { ...all, startRevision: 2 }, { key: keyBytes("b"), filters: [1] }, { ...all, rangeEnd: keyBytes("a") });
  await turns();
  await store.txn(always(put("b", "2")));
  expect(stream.shown()).toEqual([
    "0 created r3",
    "1 created r3",
    "-1 created canceled etcdserver: mvcc: watcher range is empty r3",
    "0 +a@2 +b@2 -a@3 r3",
    "0 +b@4 r4",
    "1 +b@4 r4",
  ]);
  stream.write("WatchRequest", { progress: {} });
  stream.write("WatchRequest", { cancel: { watchId: 1 } });
  await store.txn(always({ type: "delete", key: "b" }));
  expect(stream.shown()).toEqual(["-1 r4", "1 canceled r4", "0 -b@5 r5"]);
  await store.compact(5);
  stream.write("WatchRequest", { create: { ...all, startRevision: 1 } });
  await turns();
  expect(stream.shown()).toEqual(["2 created r5", "2 canceled etcdserver: mvcc: required revision has been compacted r5"]);
});

it("tells a quiet watch how far the store is, when asked to", async () => {
  const opened = open();
  const stream = watching(opened, { key: keyBytes("a"), progressNotify: true }, { key: keyBytes("a") });
  await opened.clock.advance(1000);
  await opened.store.txn(always(put("b", "1")));
  await opened.clock.advance(1000);
  expect(stream.shown()).toEqual(["0 created r1", "1 created r1", "0 r2"]);
  stream.handler.closed?.();
});

it("stops watches of a client that does not read, and loses nothing", async () => {
  const opened = open();
  const { store } = opened;
  const stream = watching(opened, { key: keyBytes("a"), rangeEnd: keyBytes("z") });
  stream.state.reading = false;
  for (let value = 0; value < 5; value++) await store.txn(always(put("k", String(value))));
  expect(stream.shown()).toEqual(["0 created r1", "0 +k@2 r2"]);
  stream.state.reading = true;
  stream.handler.drained?.();
  await turns();
  expect(stream.shown()).toEqual(["0 +k@3 +k@4 +k@5 +k@6 r6"]);
});

it("cuts a large response for who takes fragments", async () => {
  const opened = open();
  const large = "x".repeat(700_000);
  const stream = watching(opened, { key: keyBytes("a"), rangeEnd: keyBytes("z"), fragment: true });
  await opened.store.txn(always(put("a", large), put("b", large), put("c", "")));
  expect(stream.shown()).toEqual(["0 created r1", "0 +a@2 more r2", "0 +b@2 +c@2 r2"]);
});

it("has the hash that etcd has of the same history", async () => {
  const { env, store } = open();
  for (const number of [1, 2, 3]) await store.txn(always(put(`k${number}`, `v${number}`)));
  await store.txn(always({ type: "delete", key: "k1" }));
  // As etcd 3.4.23 answered after the same four commands.
  expect(await hashRows(env, store.snapshot(), 0)).toEqual({ hash: 1155931412, revision: 5, compactRevision: 0 });
});

it("lets others have their turn while it hashes", async () => {
  const { env, clock, store } = open();
  await store.txn(always(put("k", "v")));
  const [change] = store.snapshot().changes();
  if (change === undefined) throw new Error("no change");
  let read = 0;
  const contents = {
    ...{ revision: 2, compactRevision: 0, leases: [] },
    *changes() {
      for (let number = 0; number < 5000; number++) {
        read++;
        yield change;
      }
    },
  };
  const hashing = hashRows(env, contents, 0);
  const seen: number[] = [];
  const others = (): void => {
    seen.push(read);
    if (seen.length < 5) env.clock.setTimeout(others, 0);
  };
  others();
  await clock.advance(0);
  expect(seen).toEqual([2000, 4000, 6000, 8000, 10_000]);
  expect(await hashing).toMatchObject({ revision: 2 });
});

it("writes bbolt's pages, branches and large rows, and reads them back", () => {
  const key = (number: number) => keyBytes(String(number).padStart(8, "0"));
  const rows = Array.from({ length: 60_000 }, (_, number): Row => [key(number), keyBytes(number % 20_000 === 7 ? "y".repeat(9000) : `value ${number}`)]);
  const file = planBoltFile([
    { name: "empty", rows: () => [] },
    { name: "full", rows: () => rows },
  ]);
  const bytes = Buffer.concat([...file.chunks()]);
  expect(bytes.length).toBe(file.totalBytes);
  expect([...(readBucket(bytes, "empty") ?? [])]).toEqual([]);
  expect(readBucket(bytes, "other")).toBeUndefined();
  let count = 0;
  for (const [found, value] of readBucket(bytes, "full") ?? []) {
    const [expectedKey, expected] = rows[count++] ?? [];
    if (Buffer.compare(found, expectedKey ?? found) !== 0 || Buffer.compare(value, expected ?? found) !== 0) throw new Error(`row ${count} differs`);
  }
  expect(count).toBe(rows.length);
  expect(() => readBucket(Buffer.alloc(9000), "full")).toThrow("not a file of bbolt");
});

it("makes a snapshot that holds all that was retained", async () => {
  const { env, store } = open();
  await store.grantLease(7, 60);
  await store.txn(always(put("a", "1", { lease: 7 }), put("b\u00ff", "1")));
  await store.txn(always(put("a", "2", { lease: 7 })));
  await store.txn(always({ type: "delete", key: "b\u00ff" }));
  await store.compact(3);
  const copy = createMemoryStore(env, { restore: readSnapshot(Buffer.concat([...planSnapshot(store.snapshot()).chunks()])) });
  expect([...copy.snapshot().changes()]).toEqual([...store.snapshot().changes()]);
  expect(copy.revision()).toBe(4);
  expect(await copy.range({ key: "a", revision: 2 })).toMatchObject({ reason: "compacted", compactRevision: 3 });
  expect(await copy.lease(7)).toMatchObject({ grantedTtlSeconds: 60, keys: ["a"] });
});

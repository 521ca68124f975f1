// etcd's services Maintenance and Cluster, and the gRPC health service, for one member (https://etcd.io/docs/v3.6/op-guide/maintenance/).
import type { Env } from "../../base/index.ts";
import type { Alarm, Store } from "../store.ts";
import { GrpcError, type GrpcMethod, type GrpcMethods, grpcStatus, type ServerCall, unary } from "./grpc.ts";
import { ETCD_VERSION, type Member, RAFT_TERM } from "./member.ts";
import { codec } from "./messages.ts";
import { hashRows, type StoreHash } from "./rows.ts";
import { planSnapshot } from "./snapshot.ts";

/** A SHA-256 that is fed piece by piece. */
export interface Digest {
  update(bytes: Uint8Array): void;
  finish(): Uint8Array;
}

export interface MaintenanceParts {
  readonly store: Store;
  readonly member: Member;
  /** 0: none. */
  readonly quotaBytes: number;
  readonly createDigest: () => Digest;
}

const ALARMS: readonly (Alarm | undefined)[] = [undefined, "noSpace", "corrupt"];
const ALARM_NAMES: Readonly<Record<Alarm, string>> = { noSpace: "NOSPACE", corrupt: "CORRUPT" };
const [ALARM_GET, ALARM_ACTIVATE, ALARM_DEACTIVATE] = [0, 1, 2];
const SNAPSHOT_CHUNK_BYTES = 64 * 1024;
const SERVING = 1;

export function maintenanceMethods(env: Env, parts: MaintenanceParts): GrpcMethods {
  const { store, member } = parts;
  const header = () => member.header(store.revision());
  const hash = async (revision: number): Promise<StoreHash> => {
    const snapshot = store.snapshot();
    try {
      return await hashRows(env, snapshot, revision);
    } finally {
      snapshot.release();
    }
  };
  return {
    "/etcdserverpb.Maintenance/Status": unary("Empty", "StatusResponse", () => status(parts)),
    "/etcdserverpb.Maintenance/Alarm": unary("AlarmRequest", "AlarmResponse", async ({ action, memberId, alarm: number }) => {
      const alarm = ALARMS[number];
      const isOurs = memberId === 0 || memberId === member.memberId;
      if (action === ALARM_GET) return { header: header(), alarms: alarmMembers(store, member, alarm) };
      if (action !== ALARM_ACTIVATE && action !== ALARM_DEACTIVATE)
        throw new GrpcError(grpcStatus.invalidArgument, `etcdserver: unknown alarm action ${action}`);
      const concerned = alarm === undefined ? store.alarms() : [alarm];
      if (isOurs) for (const each of concerned) await store.setAlarm(each, action === ALARM_ACTIVATE);
      return { header: header(), alarms: concerned.map((each) => ({ memberId: member.memberId, alarm: ALARMS.indexOf(each) })) };
    }),
    "/etcdserverpb.Maintenance/Defragment": unary("Empty", "HeaderResponse", async () => {
      await store.defragment();
      return { header: header() };
    }),
    "/etcdserverpb.Maintenance/Hash": unary("Empty", "HashResponse", async () => ({ header: header(), hash: (await hash(0)).hash })),
    "/etcdserverpb.Maintenance/HashKV": unary("HashKvRequest", "HashKvResponse", async ({ revision }) => {
      const { hash: sum, compactRevision, revision: hashRevision } = await hash(revision);
      return { header: header(), hash: sum, compactRevision, hashRevision };
    }),
    "/etcdserverpb.Maintenance/Snapshot": (call) => snapshotCall(parts, call),
    "/etcdserverpb.Maintenance/MoveLeader": unary("Empty", "HeaderResponse", () => {
      throw new GrpcError(grpcStatus.failedPrecondition, "etcdserver: bad leader transferee");
    }),
  };
}

function alarmMembers(store: Store, member: Member, only?: Alarm) {
  return store
    .alarms()
    .filter((alarm) => only === undefined || alarm === only)
    .map((alarm) => ({ memberId: member.memberId, alarm: ALARMS.indexOf(alarm) }));
}

function status({ store, member, quotaBytes }: MaintenanceParts) {
  const revision = store.revision();
  const { totalBytes, usedBytes } = store.size();
  return {
    header: member.header(revision),
    version: ETCD_VERSION,
    storageVersion: ETCD_VERSION,
    dbSize: totalBytes,
    dbSizeInUse: usedBytes,
    dbSizeQuota: quotaBytes,
    leader: member.memberId,
    // There is no log of consensus: what is applied is what is stored.
    raftIndex: revision,
    raftAppliedIndex: revision,
    raftTerm: RAFT_TERM,
    errors: store.alarms().map((alarm) => `memberID:${member.memberId} alarm:${ALARM_NAMES[alarm]} `),
  };
}

/** The file in pieces, its checksum last; no faster than the client reads. */
function snapshotCall({ store, member, createDigest }: MaintenanceParts, call: ServerCall): ReturnType<GrpcMethod> {
  const snapshot = store.snapshot();
  const file = planSnapshot(snapshot);
  const digest = createDigest();
  const chunks = inPieces(file.chunks());
  let remainingBytes = file.totalBytes;
  const header = member.header(snapshot.revision);
  const send = (blob: Uint8Array) => call.send(codec.encode("SnapshotResponse", { header, remainingBytes, blob, version: ETCD_VERSION }));
  const pump = (): void => {
    try {
      for (;;) {
        const { done, value } = chunks.next();
        if (done) break;
        digest.update(value);
        remainingBytes -= value.length;
        if (!send(value)) return;
      }
      send(digest.finish());
      call.end();
    } catch (error) {
      call.fail(error);
    }
  };
  return { message: pump, drained: pump, closed: () => snapshot.release() };
}

function* inPieces(chunks: Iterable<Uint8Array>): Generator<Uint8Array, undefined, undefined> {
  let piece = new Uint8Array(SNAPSHOT_CHUNK_BYTES);
  let filled = 0;
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + SNAPSHOT_CHUNK_BYTES - filled);
      piece.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled < SNAPSHOT_CHUNK_BYTES) continue;
      yield piece;
      piece = new Uint8Array(SNAPSHOT_CHUNK_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

export function clusterMethods(store: Store, member: Member): GrpcMethods {
  const header = () => member.header(store.revision());
  return {
    "/etcdserverpb.Cluster/MemberList": unary("Empty", "MemberListResponse", () => ({
      header: header(),
      members: [{ id: member.memberId, name: member.name, clientUrls: member.clientUrls }],
    })),
    "/etcdserverpb.Auth/AuthStatus": unary("Empty", "AuthStatusResponse", () => ({ header: header(), enabled: false, authRevision: 1 })),
    "/etcdserverpb.Auth/Authenticate": unary("Empty", "HeaderResponse", () => {
      throw new GrpcError(grpcStatus.failedPrecondition, "etcdserver: authentication is not enabled");
    }),
    "/grpc.health.v1.Health/Check": unary("HealthCheckRequest", "HealthCheckResponse", ({ service }) => {
      if (service !== "" && !service.startsWith("etcdserverpb.")) throw new GrpcError(grpcStatus.notFound, "unknown service");
      return { status: SERVING };
    }),
    "/grpc.health.v1.Health/Watch": (call) => ({
      message: () => void call.send(codec.encode("HealthCheckResponse", { status: SERVING })),
    }),
  };
}

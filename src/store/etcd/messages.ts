// The messages of etcd's v3 API (https://etcd.io/docs/v3.6/dev-guide/api_reference_v3/): names, field numbers and types.
// Field numbers are the wire contract; protobuf sends no names. Enumerations are `int32`; convert.ts names their values.
import { createCodec, type Message, type MessageInput } from "../../base/index.ts";

const kvMessages = {
  KeyValue: { key: "1 bytes", createRevision: "2 int64", modRevision: "3 int64", version: "4 int64", value: "5 bytes", lease: "6 int64" },
  ResponseHeader: { clusterId: "1 uint64", memberId: "2 uint64", revision: "3 int64", raftTerm: "4 uint64" },
  RangeRequest: {
    key: "1 bytes",
    rangeEnd: "2 bytes",
    limit: "3 int64",
    revision: "4 int64",
    sortOrder: "5 int32",
    sortTarget: "6 int32",
    serializable: "7 bool",
    keysOnly: "8 bool",
    countOnly: "9 bool",
    minModRevision: "10 int64",
    maxModRevision: "11 int64",
    minCreateRevision: "12 int64",
    maxCreateRevision: "13 int64",
  },
  RangeResponse: { header: "1 ResponseHeader", kvs: "2 KeyValue[]", more: "3 bool", count: "4 int64" },
  PutRequest: { key: "1 bytes", value: "2 bytes", lease: "3 int64", prevKv: "4 bool", ignoreValue: "5 bool", ignoreLease: "6 bool" },
  PutResponse: { header: "1 ResponseHeader", prevKv: "2 KeyValue" },
  DeleteRangeRequest: { key: "1 bytes", rangeEnd: "2 bytes", prevKv: "3 bool" },
  DeleteRangeResponse: { header: "1 ResponseHeader", deleted: "2 int64", prevKvs: "3 KeyValue[]" },
  RequestOp: { range: "1 RangeRequest", put: "2 PutRequest", deleteRange: "3 DeleteRangeRequest", txn: "4 TxnRequest" },
  ResponseOp: { range: "1 RangeResponse", put: "2 PutResponse", deleteRange: "3 DeleteRangeResponse", txn: "4 TxnResponse" },
  Compare: {
    result: "1 int32",
    target: "2 int32",
    key: "3 bytes",
    version: "4 int64",
    createRevision: "5 int64",
    modRevision: "6 int64",
    value: "7 bytes",
    lease: "8 int64",
    rangeEnd: "64 bytes",
  },
  TxnRequest: { compare: "1 Compare[]", success: "2 RequestOp[]", failure: "3 RequestOp[]" },
  TxnResponse: { header: "1 ResponseHeader", succeeded: "2 bool", responses: "3 ResponseOp[]" },
  CompactionRequest: { revision: "1 int64", physical: "2 bool" },
  HeaderResponse: { header: "1 ResponseHeader" },
  Empty: {},
} as const;

const watchMessages = {
  WatchCreateRequest: {
    key: "1 bytes",
    rangeEnd: "2 bytes",
    startRevision: "3 int64",
    progressNotify: "4 bool",
    filters: "5 int32[]",
    prevKv: "6 bool",
    watchId: "7 int64",
    fragment: "8 bool",
  },
  WatchCancelRequest: { watchId: "1 int64" },
  WatchRequest: { create: "1 WatchCreateRequest", cancel: "2 WatchCancelRequest", progress: "3 Empty" },
  Event: { type: "1 int32", kv: "2 KeyValue", prevKv: "3 KeyValue" },
  WatchResponse: {
    header: "1 ResponseHeader",
    watchId: "2 int64",
    created: "3 bool",
    canceled: "4 bool",
    compactRevision: "5 int64",
    cancelReason: "6 string",
    fragment: "7 bool",
    events: "11 Event[]",
  },
} as const;

const leaseMessages = {
  LeaseGrantRequest: { ttl: "1 int64", id: "2 int64" },
  LeaseGrantResponse: { header: "1 ResponseHeader", id: "2 int64", ttl: "3 int64", error: "4 string" },
  LeaseRequest: { id: "1 int64" },
  LeaseKeepAliveResponse: { header: "1 ResponseHeader", id: "2 int64", ttl: "3 int64" },
  LeaseTimeToLiveRequest: { id: "1 int64", keys: "2 bool" },
  LeaseTimeToLiveResponse: { header: "1 ResponseHeader", id: "2 int64", ttl: "3 int64", grantedTtl: "4 int64", keys: "5 bytes[]" },
  /** As etcd keeps it, not as it sends it. */
  StoredLease: { id: "1 int64", ttl: "2 int64" },
  LeaseStatus: { id: "1 int64" },
  LeaseLeasesResponse: { header: "1 ResponseHeader", leases: "2 LeaseStatus[]" },
} as const;

const clusterMessages = {
  AlarmRequest: { action: "1 int32", memberId: "2 uint64", alarm: "3 int32" },
  AlarmMember: { memberId: "1 uint64", alarm: "2 int32" },
  AlarmResponse: { header: "1 ResponseHeader", alarms: "2 AlarmMember[]" },
  StatusResponse: {
    header: "1 ResponseHeader",
    version: "2 string",
    dbSize: "3 int64",
    leader: "4 uint64",
    raftIndex: "5 uint64",
    raftTerm: "6 uint64",
    raftAppliedIndex: "7 uint64",
    errors: "8 string[]",
    dbSizeInUse: "9 int64",
    isLearner: "10 bool",
    storageVersion: "11 string",
    dbSizeQuota: "12 int64",
  },
  HashKvRequest: { revision: "1 int64" },
  HashKvResponse: { header: "1 ResponseHeader", hash: "2 uint32", compactRevision: "3 int64", hashRevision: "4 int64" },
  HashResponse: { header: "1 ResponseHeader", hash: "2 uint32" },
  SnapshotResponse: { header: "1 ResponseHeader", remainingBytes: "2 uint64", blob: "3 bytes", version: "4 string" },
  Member: { id: "1 uint64", name: "2 string", peerUrls: "3 string[]", clientUrls: "4 string[]", isLearner: "5 bool" },
  MemberListResponse: { header: "1 ResponseHeader", members: "2 Member[]" },
  AuthStatusResponse: { header: "1 ResponseHeader", enabled: "2 bool", authRevision: "3 uint64" },
  HealthCheckRequest: { service: "1 string" },
  HealthCheckResponse: { status: "1 int32" },
} as const;

const messages = { ...kvMessages, ...watchMessages, ...leaseMessages, ...clusterMessages } as const;

export type MessageName = keyof typeof messages;
export type Wire<Name extends MessageName> = Message<typeof messages, Name>;
export type WireInput<Name extends MessageName> = MessageInput<typeof messages, Name>;

/**
 * As much as a transaction of 128 transactions of 64 operations, and 48 transactions inside each other; beyond it a request of a megabyte
 * would be a million objects before anybody counts its operations.
 */
const LIMITS = { messages: 20_000, depth: 100 };

export const codec = createCodec(messages);
/** For what clients send. */
export const requestCodec = createCodec(messages, LIMITS);

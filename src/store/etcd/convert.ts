// Between etcd's messages and the store's requests. Refuses what etcd refuses, with its codes and texts: clients match on them
// (https://github.com/etcd-io/etcd/blob/main/api/v3rpc/rpctypes/error.go).
import {
  type Compare,
  type KeyValue,
  type Operation,
  type OperationResult,
  type RangeRequest,
  type RangeResult,
  type RangeSort,
  StoreError,
  type TxnRequest,
} from "../store.ts";
import { GrpcError, grpcStatus } from "./grpc.ts";
import type { Wire, WireInput } from "./messages.ts";

/** As etcd's --max-txn-ops. */
export const MAX_TXN_OPERATIONS = 128;

const COMPARE_OPERATORS = ["equal", "greater", "less", "notEqual"] as const;
const COMPARE_TARGETS = ["version", "createRevision", "modRevision", "value", "lease"] as const;
const SORT_TARGETS = ["key", "version", "createRevision", "modRevision", "value"] as const;
const [SORT_NONE, , SORT_DESCENDING] = [0, 1, 2];

const invalid = (what: string): GrpcError => new GrpcError(grpcStatus.invalidArgument, `etcdserver: ${what}`);
export const compactedError = (): GrpcError => new GrpcError(grpcStatus.outOfRange, "etcdserver: mvcc: required revision has been compacted");
export const futureRevisionError = (): GrpcError => new GrpcError(grpcStatus.outOfRange, "etcdserver: mvcc: required revision is a future revision");

const STORE_ERRORS: Readonly<Record<StoreError["reason"], readonly [code: number, text: string]>> = {
  leaseNotFound: [grpcStatus.notFound, "etcdserver: requested lease not found"],
  leaseExists: [grpcStatus.failedPrecondition, "etcdserver: lease already exists"],
  keyNotFound: [grpcStatus.invalidArgument, "etcdserver: key not found"],
  duplicateKey: [grpcStatus.invalidArgument, "etcdserver: duplicate key given in txn request"],
  compacted: [grpcStatus.outOfRange, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [grpcStatus.outOfRange, "etcdserver: mvcc: required revision is a future revision"],
  noSpace: [grpcStatus.resourceExhausted, "etcdserver: mvcc: database space exceeded"],
  locked: [grpcStatus.unavailable, "etcdserver: server stopped"],
  corrupt: [grpcStatus.dataLoss, "etcdserver: corrupt cluster"],
  closed: [grpcStatus.unavailable, "etcdserver: server stopped"],
  invalid: [grpcStatus.invalidArgument, ""],
  unavailable: [grpcStatus.unavailable, ""],
};

/** What a client is told of any failure. */
export function grpcErrorOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  if (!(error instanceof StoreError)) return new GrpcError(grpcStatus.internal, `etcdserver: ${error instanceof Error ? error.message : String(error)}`);
  const [code, text] = STORE_ERRORS[error.reason];
  return new GrpcError(code, text === "" ? `etcdserver: ${error.message}` : text);
}

// Keys

export function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (let from = 0; from < bytes.length; from += 4096) key += String.fromCharCode(...bytes.subarray(from, from + 4096));
  return key;
}

export function keyBytes(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length);
  for (let index = 0; index < key.length; index++) bytes[index] = key.charCodeAt(index);
  return bytes;
}

/** `key` and `end` of a request; the end stays away when there is none. */
export function rangeOf({ key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array }): { readonly key: string; readonly end?: string } {
  if (key.length === 0) throw invalid("key is not provided");
  return rangeEnd.length === 0 ? { key: keyOf(key) } : { key: keyOf(key), end: keyOf(rangeEnd) };
}

/** Numbers that lost digits on their way must not name another lease. */
export function leaseId(id: number): number {
  if (!Number.isSafeInteger(id) || id < 0) throw invalid("lease IDs are 0 to 2^53-1 here");
  return id;
}

// Requests

export function rangeRequest(wire: Wire<"RangeRequest">): RangeRequest {
  const { limit, revision, keysOnly, countOnly, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = wire;
  const sort = rangeSort(wire);
  return {
    ...rangeOf(wire),
    ...{ limit, keysOnly, countOnly, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision },
    revision: Math.max(0, revision),
    ...(sort === undefined ? {} : { sort }),
  };
}

/** Rising keys are the store's own order. A target other than the key asks for an order, also when it names none. */
function rangeSort({ sortOrder, sortTarget }: Wire<"RangeRequest">): RangeSort | undefined {
  const by = SORT_TARGETS[sortTarget];
  if (by === undefined || sortOrder < SORT_NONE || sortOrder > SORT_DESCENDING) throw invalid("invalid sort option");
  if (by === "key" && sortOrder !== SORT_DESCENDING) return undefined;
  return { by, descending: sortOrder === SORT_DESCENDING };
}

export function putOperation({ key, value, lease, prevKv, ignoreValue, ignoreLease }: Wire<"PutRequest">): Operation {
  if (key.length === 0) throw invalid("key is not provided");
  if (ignoreValue && value.length > 0) throw invalid("value is provided");
  if (ignoreLease && lease !== 0) throw invalid("lease is provided");
  return { type: "put", key: keyOf(key), value, lease: leaseId(lease), prevKv, ignoreValue, ignoreLease };
}

export function deleteOperation(wire: Wire<"DeleteRangeRequest">): Operation {
  return { type: "delete", ...rangeOf(wire), prevKv: wire.prevKv };
}

export function txnRequest({ compare, success, failure }: Wire<"TxnRequest">): TxnRequest {
  if (Math.max(compare.length, success.length, failure.length) > MAX_TXN_OPERATIONS) throw invalid("too many operations in txn request");
  return { compare: compare.map(comparison), success: success.map(operation), failure: failure.map(operation) };
}

function operation({ range, put, deleteRange, txn }: Wire<"RequestOp">): Operation {
  if (range !== undefined) return { type: "range", ...rangeRequest(range) };
  if (put !== undefined) return putOperation(put);
  if (deleteRange !== undefined) return deleteOperation(deleteRange);
  if (txn !== undefined) return { type: "txn", ...txnRequest(txn) };
  throw invalid("key not found");
}

function comparison(wire: Wire<"Compare">): Compare {
  const [target, operator] = [COMPARE_TARGETS[wire.target], COMPARE_OPERATORS[wire.result]];
  if (target === undefined || operator === undefined) throw invalid(`unknown comparison ${wire.result} of ${wire.target}`);
  return { ...rangeOf(wire), target, operator, value: wire[target] };
}

// Answers

type Header = WireInput<"ResponseHeader">;

export function keyValue({ key, ...rest }: KeyValue): WireInput<"KeyValue"> {
  return { key: keyBytes(key), ...rest };
}

export function rangeResponse({ items, more, count }: RangeResult, header?: Header): WireInput<"RangeResponse"> {
  return { header, kvs: items.map(keyValue), more, count };
}

export function putResponse(result: OperationResult | undefined, header?: Header): WireInput<"PutResponse"> {
  return { header, prevKv: result?.type === "put" && result.prevKv !== undefined ? keyValue(result.prevKv) : undefined };
}

export function deleteResponse(result: OperationResult | undefined, header?: Header): WireInput<"DeleteRangeResponse"> {
  return result?.type === "delete" ? { header, deleted: result.deleted, prevKvs: result.prevKvs.map(keyValue) } : { header };
}

/** `header` is also the header of each answer inside, as etcd's carry their revision. */
export function responseOp(result: OperationResult, header: Header): WireInput<"ResponseOp"> {
  switch (result.type) {
    case "put":
      return { put: putResponse(result, header) };
    case "delete":
      return { deleteRange: deleteResponse(result, header) };
    case "range":
      return { range: rangeResponse(result.result, header) };
    case "txn":
      return { txn: { header, succeeded: result.succeeded, responses: result.responses.map((inner) => responseOp(inner, header)) } };
  }
}

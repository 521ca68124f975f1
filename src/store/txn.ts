// A transaction request against the versions in memory: checked as a whole, then carried out as a whole
// (https://etcd.io/docs/v3.6/learning/api/#transaction). All comparisons, nested ones too, look at the state before
// the first operation, so that a refused transaction has changed nothing.
import { unreachable } from "../base/index.ts";
import { isBinaryKey, type KeyRange, keyRange, overlaps } from "./key-range.ts";
import { type Mvcc, NEWEST, type Version } from "./mvcc.ts";
import {
  type Compare,
  type Operation,
  type OperationResult,
  type RangeFailure,
  type RangeRequest,
  type RangeResult,
  type RangeSort,
  StoreError,
  type TxnRequest,
} from "./store.ts";

/** Which branch each transaction takes, in the order in which they are met. */
interface Path {
  readonly succeeded: boolean;
  readonly nested: readonly Path[];
}

const NO_BYTES = new Uint8Array(0);

export interface TxnContext {
  readonly mvcc: Mvcc;
  readonly hasLease: (id: number) => boolean;
}

export interface TxnOutcome {
  readonly succeeded: boolean;
  readonly responses: readonly OperationResult[];
}

/**
 * Carries out `request` within the transaction that the caller has begun on `mvcc`.
 * @throws StoreError, before anything is changed, when the request is not valid.
 */
export function runTxn(context: TxnContext, request: TxnRequest): TxnOutcome {
  checkShape(request);
  const path = choosePath(context.mvcc, request);
  checkPath(context, request, path);
  return runPath(context.mvcc, request, path);
}

/** Answers a range at `revision`, or as of `readRevision` when the request names none. */
export function runRange(mvcc: Mvcc, request: RangeRequest, readRevision: number): RangeResult | RangeFailure {
  const revision = Math.min(readRevision, mvcc.transactionRevision);
  const asked = request.revision ?? 0;
  if (asked > revision) return { ok: false, reason: "futureRevision", revision };
  if (asked > 0 && asked < mvcc.compactRevision) return { ok: false, reason: "compacted", compactRevision: mvcc.compactRevision, revision };
  const at = asked > 0 ? asked : readRevision;
  if (request.end === undefined && !isFiltered(request)) return rangeOne(mvcc, request, at, revision);
  if (request.sort !== undefined || isFiltered(request)) return rangeArranged(mvcc, request, at, revision);
  const limit = request.countOnly ? 0 : request.limit !== undefined && request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
  const items = [];
  let count = 0;
  for (const version of mvcc.scan(keyRange(request.key, request.end), at)) {
    if (count++ < limit) items.push(request.keysOnly ? mvcc.keyOnly(version) : mvcc.keyValue(version));
  }
  return { ok: true, revision, items, count, more: !request.countOnly && count > items.length };
}

function isFiltered(request: RangeRequest): boolean {
  return Boolean(request.minModRevision || request.maxModRevision || request.minCreateRevision || request.maxCreateRevision);
}

/** Filtered, then sorted, then cut, as etcd does; the count is of the whole range. */
function rangeArranged(mvcc: Mvcc, request: RangeRequest, at: number, revision: number): RangeResult {
  const found = [...mvcc.scan(keyRange(request.key, request.end), at)];
  if (request.countOnly) return { ok: true, revision, items: [], count: found.length, more: false };
  const within = (value: number, least = 0, most = 0) => value >= least && (most === 0 || value <= most);
  const kept = found.filter(
    ({ modRevision, createRevision }) =>
      within(modRevision, request.minModRevision, request.maxModRevision) && within(createRevision, request.minCreateRevision, request.maxCreateRevision),
  );
  if (request.sort !== undefined) sortVersions(mvcc, kept, request.sort);
  const limit = request.limit !== undefined && request.limit > 0 ? request.limit : kept.length;
  const items = kept.slice(0, limit).map((version) => (request.keysOnly ? mvcc.keyOnly(version) : mvcc.keyValue(version)));
  return { ok: true, revision, items, count: found.length, more: kept.length > limit };
}

function sortVersions(mvcc: Mvcc, versions: Version[], { by, descending }: RangeSort): void {
  const sign = descending ? -1 : 1;
  if (by === "value") {
    const values = new Map(versions.map((version) => [version, mvcc.bytes(version)]));
    versions.sort((left, right) => sign * compareBytes(values.get(left) ?? NO_BYTES, values.get(right) ?? NO_BYTES));
  } else if (by === "key") {
    if (descending) versions.reverse();
  } else versions.sort((left, right) => sign * (left[by] - right[by]));
}

function rangeOne(mvcc: Mvcc, request: RangeRequest, at: number, revision: number): RangeResult {
  const version = mvcc.at(request.key, at);
  if (version === undefined) return { ok: true, revision, items: [], count: 0, more: false };
  const items = request.countOnly ? [] : [request.keysOnly ? mvcc.keyOnly(version) : mvcc.keyValue(version)];
  return { ok: true, revision, items, count: 1, more: false };
}

/** The most that the puts of one outcome of the transaction would add, in bytes of keys and values. */
export function addedBytes(request: TxnRequest): number {
  const branch = (operations: readonly Operation[]): number =>
    operations.reduce((sum, operation) => {
      if (operation.type === "put") return sum + operation.key.length + operation.value.length;
      return operation.type === "txn" ? sum + addedBytes(operation) : sum;
    }, 0);
  return Math.max(branch(request.success), branch(request.failure));
}

// Checking

export function checkKey(key: string): void {
  if (key === "") throw new StoreError("invalid", "a key must not be empty");
  if (!isBinaryKey(key)) throw new StoreError("invalid", "a key must be a binary string: code units from 0 to 255");
}

interface Writes {
  readonly puts: Set<string>;
  readonly deletes: KeyRange[];
}

/** Refuses bad keys, and a key that two operations of one path would write. */
function checkShape(request: TxnRequest): void {
  for (const compare of request.compare) checkKey(compare.key);
  checkOperations(request.success);
  checkOperations(request.failure);
}

function checkOperations(operations: readonly Operation[]): Writes {
  const writes: Writes = { puts: new Set(), deletes: [] };
  for (const operation of operations) {
    if (operation.type === "put") {
      checkKey(operation.key);
      addWrites(writes, { puts: new Set([operation.key]), deletes: [] });
    } else if (operation.type === "delete") {
      checkKey(operation.key);
      addWrites(writes, { puts: new Set(), deletes: [keyRange(operation.key, operation.end)] });
    } else if (operation.type === "range") checkKey(operation.key);
    else {
      for (const compare of operation.compare) checkKey(compare.key);
      // Only one branch will run: they may write the same key as each other, but not as their surroundings.
      const branches = [checkOperations(operation.success), checkOperations(operation.failure)];
      for (const branch of branches) assertDisjoint(writes, branch);
      for (const branch of branches) mergeWrites(writes, branch);
    }
  }
  return writes;
}

function addWrites(writes: Writes, added: Writes): void {
  assertDisjoint(writes, added);
  mergeWrites(writes, added);
}

function assertDisjoint(left: Writes, right: Writes): void {
  for (const key of right.puts) {
    if (left.puts.has(key)) throw new StoreError("duplicateKey", "one transaction puts a key twice");
  }
  for (const [puts, deletes] of [
    [left.puts, right.deletes],
    [right.puts, left.deletes],
  ] as const) {
    if (deletes.length === 0) continue;
    for (const key of puts) {
      const single = keyRange(key, undefined);
      if (deletes.some((range) => overlaps(range, single))) throw new StoreError("duplicateKey", "one transaction puts and deletes a key");
    }
  }
}

function mergeWrites(writes: Writes, added: Writes): void {
  for (const key of added.puts) writes.puts.add(key);
  writes.deletes.push(...added.deletes);
}

function choosePath(mvcc: Mvcc, request: TxnRequest): Path {
  const succeeded = request.compare.every((compare) => holds(mvcc, compare));
  const nested: Path[] = [];
  for (const operation of succeeded ? request.success : request.failure) if (operation.type === "txn") nested.push(choosePath(mvcc, operation));
  return { succeeded, nested };
}

/** Refuses what depends on the state: unknown leases, missing keys, revisions that can't be read. */
function checkPath(context: TxnContext, request: TxnRequest, path: Path): void {
  let nestedIndex = 0;
  for (const operation of path.succeeded ? request.success : request.failure) {
    switch (operation.type) {
      case "put": {
        const lease = operation.ignoreLease ? 0 : (operation.lease ?? 0);
        if (lease !== 0 && !context.hasLease(lease)) throw new StoreError("leaseNotFound", `requested lease ${lease} not found`);
        const keeps = operation.ignoreValue === true || operation.ignoreLease === true;
        if (keeps && context.mvcc.at(operation.key, NEWEST) === undefined) throw new StoreError("keyNotFound", "key not found");
        break;
      }
      case "range": {
        const revision = operation.revision ?? 0;
        if (revision > context.mvcc.revision) throw new StoreError("futureRevision", "the required revision is a future revision");
        if (revision > 0 && revision < context.mvcc.compactRevision) throw new StoreError("compacted", "the required revision has been compacted");
        break;
      }
      case "txn": {
        const nested = path.nested[nestedIndex++];
        if (nested !== undefined) checkPath(context, operation, nested);
        break;
      }
      case "delete":
        break;
      default:
        unreachable(operation, "operation");
    }
  }
}

function holds(mvcc: Mvcc, compare: Compare): boolean {
  if (compare.end === undefined) return holdsFor(mvcc, compare, mvcc.at(compare.key, NEWEST));
  let any = false;
  for (const version of mvcc.scan(keyRange(compare.key, compare.end), NEWEST)) {
    any = true;
    if (!holdsFor(mvcc, compare, version)) return false;
  }
  return any || holdsFor(mvcc, compare, undefined);
}

/** A missing key has all numbers 0, and no value that could equal or differ from anything. */
function holdsFor(mvcc: Mvcc, compare: Compare, version: Version | undefined): boolean {
  const { target, value } = compare;
  if (target === "value") {
    if (typeof value === "number") throw new StoreError("invalid", "a value is compared with bytes");
    return version !== undefined && orderHolds(compare.operator, compareBytes(mvcc.bytes(version), value));
  }
  if (typeof value !== "number") throw new StoreError("invalid", `${target} is compared with a number`);
  return orderHolds(compare.operator, (version?.[target] ?? 0) - value);
}

function orderHolds(operator: Compare["operator"], order: number): boolean {
  switch (operator) {
    case "equal":
      return order === 0;
    case "notEqual":
      return order !== 0;
    case "less":
      return order < 0;
    case "greater":
      return order > 0;
    default:
      return unreachable(operator, "operator");
  }
}

export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

// Carrying out

function runPath(mvcc: Mvcc, request: TxnRequest, path: Path): TxnOutcome {
  const responses: OperationResult[] = [];
  let nestedIndex = 0;
  for (const operation of path.succeeded ? request.success : request.failure) {
    if (operation.type === "txn") {
      const nested = path.nested[nestedIndex++];
      if (nested !== undefined) responses.push({ type: "txn", ...runPath(mvcc, operation, nested) });
    } else responses.push(runOperation(mvcc, operation));
  }
  return { succeeded: path.succeeded, responses };
}

function runOperation(mvcc: Mvcc, operation: Exclude<Operation, { type: "txn" }>): OperationResult {
  switch (operation.type) {
    case "put": {
      const before = mvcc.at(operation.key, NEWEST);
      const prevKv = operation.prevKv && before !== undefined ? mvcc.keyValue(before) : undefined;
      const bytes = operation.ignoreValue && before !== undefined ? mvcc.bytes(before) : operation.value;
      const lease = operation.ignoreLease && before !== undefined ? before.lease : (operation.lease ?? 0);
      mvcc.put(operation.key, bytes, lease);
      return prevKv === undefined ? { type: "put" } : { type: "put", prevKv };
    }
    case "delete": {
      const existing = [...mvcc.scan(keyRange(operation.key, operation.end), NEWEST)];
      const prevKvs = operation.prevKv ? existing.map((version) => mvcc.keyValue(version)) : [];
      for (const version of existing) mvcc.delete(version);
      return { type: "delete", deleted: existing.length, prevKvs };
    }
    case "range": {
      const result = runRange(mvcc, operation, NEWEST);
      if (!result.ok) throw new StoreError(result.reason, "the required revision cannot be read");
      return { type: "range", result };
    }
    default:
      return unreachable(operation, "operation");
  }
}

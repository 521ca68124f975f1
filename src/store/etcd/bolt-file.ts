// bbolt's file format (https://github.com/etcd-io/bbolt, version 2): what a snapshot of etcd is. A file is pages of 4 KiB: two
// headers, a list of free pages, and B+ trees of which one names the others (buckets).
//
// Written in one go and in order, so that it can be streamed: a first pass over the rows counts pages, a second writes them. No
// page is free and none is shared.
import type { Row } from "./rows.ts";

const PAGE_BYTES = 4096;
const PAGE_HEADER_BYTES = 16;
/** Of leaves and branches alike. */
const ELEMENT_BYTES = 16;
const META_BYTES = 64;
const MAGIC = 0xed0cdaed;
const VERSION = 2;
const LITTLE_ENDIAN = true;
const kinds = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;
const BUCKET_FLAG = 1;
const FIRST_DATA_PAGE = 3;
const encoder = new TextEncoder();

export interface Bucket {
  readonly name: string;
  /** In order of their keys; iterated twice, with the same result. */
  rows(): Iterable<Row>;
}

interface PagePlan {
  readonly id: number;
  readonly firstKey: Uint8Array;
  readonly elements: number;
  /** Pages that it takes. */
  readonly pages: number;
}

interface BucketPlan {
  readonly bucket: Bucket;
  readonly leaves: readonly PagePlan[];
  /** From the one above the leaves to the root. */
  readonly branchLevels: readonly (readonly (PagePlan & { readonly children: readonly PagePlan[] })[])[];
  readonly root: number;
}

export interface BoltFile {
  readonly totalBytes: number;
  chunks(): Generator<Uint8Array, void, undefined>;
}

/** `buckets` in order of their names. */
export function planBoltFile(buckets: readonly Bucket[]): BoltFile {
  let nextPage = FIRST_DATA_PAGE;
  const allocate = (pages: number): number => {
    nextPage += pages;
    return nextPage - pages;
  };
  const plans = buckets.map((bucket) => planBucket(bucket, allocate));
  const root = allocate(1);
  const totalPages = nextPage;
  return {
    totalBytes: totalPages * PAGE_BYTES,
    *chunks() {
      yield metaPage(0, root, totalPages);
      yield metaPage(1, root, totalPages);
      yield page({ id: 2, kind: kinds.freelist, elements: 0, pages: 1 }).bytes;
      for (const plan of plans) yield* bucketPages(plan);
      yield leafPage(
        { id: root, elements: plans.length, pages: 1 },
        plans.map((plan): Row => [encoder.encode(plan.bucket.name), bucketValue(plan.root)]),
        BUCKET_FLAG,
      );
    },
  };
}

// Counting

function planBucket(bucket: Bucket, allocate: (pages: number) => number): BucketPlan {
  const leaves = planPages(sizes(bucket.rows()), allocate);
  if (leaves.length === 0) leaves.push({ id: allocate(1), firstKey: new Uint8Array(0), elements: 0, pages: 1 });
  const branchLevels: BucketPlan["branchLevels"][number][] = [];
  let level: readonly PagePlan[] = leaves;
  while (level.length > 1) {
    const below = level;
    let from = 0;
    const branches = planPages(
      below.map(({ firstKey }) => ({ key: firstKey, bytes: ELEMENT_BYTES + firstKey.length })),
      allocate,
    ).map((plan) => {
      from += plan.elements;
      return { ...plan, children: below.slice(from - plan.elements, from) };
    });
    branchLevels.push(branches);
    level = branches;
  }
  return { bucket, leaves, branchLevels, root: level[0]?.id ?? 0 };
}

function* sizes(rows: Iterable<Row>): Generator<{ readonly key: Uint8Array; readonly bytes: number }> {
  for (const [key, value] of rows) yield { key, bytes: ELEMENT_BYTES + key.length + value.length };
}

/** Fills page after page; what is larger than a page gets several, alone. */
function planPages(elements: Iterable<{ readonly key: Uint8Array; readonly bytes: number }>, allocate: (pages: number) => number): PagePlan[] {
  const plans: PagePlan[] = [];
  let open: { firstKey: Uint8Array; elements: number; bytes: number } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const pages = Math.ceil(open.bytes / PAGE_BYTES);
    plans.push({ id: allocate(pages), firstKey: open.firstKey, elements: open.elements, pages });
    open = undefined;
  };
  for (const { key, bytes } of elements) {
    if (open !== undefined && open.bytes + bytes > PAGE_BYTES) close();
    open ??= { firstKey: key, elements: 0, bytes: PAGE_HEADER_BYTES };
    open.elements++;
    open.bytes += bytes;
  }
  close();
  return plans;
}

// Writing

function* bucketPages({ bucket, leaves, branchLevels }: BucketPlan): Generator<Uint8Array, void, undefined> {
  const rows = bucket.rows()[Symbol.iterator]();
  for (const leaf of leaves) {
    const own: Row[] = [];
    while (own.length < leaf.elements) {
      const next = rows.next();
      if (next.done) throw new RangeError(`bucket ${bucket.name} lost rows between two looks`);
      own.push(next.value);
    }
    yield leafPage(leaf, own, 0);
  }
  for (const level of branchLevels) for (const branch of level) yield branchPage(branch);
}

function page({ id, kind, elements, pages }: { id: number; kind: number; elements: number; pages: number }) {
  const bytes = new Uint8Array(pages * PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(id), LITTLE_ENDIAN);
  view.setUint16(8, kind, LITTLE_ENDIAN);
  view.setUint16(10, elements, LITTLE_ENDIAN);
  view.setUint32(12, pages - 1, LITTLE_ENDIAN);
  return { bytes, view };
}

function leafPage(plan: Omit<PagePlan, "firstKey">, rows: readonly Row[], flags: number): Uint8Array {
  const { bytes, view } = page({ ...plan, kind: kinds.leaf });
  let data = PAGE_HEADER_BYTES + rows.length * ELEMENT_BYTES;
  rows.forEach(([key, value], index) => {
    const at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    view.setUint32(at, flags, LITTLE_ENDIAN);
    view.setUint32(at + 4, data - at, LITTLE_ENDIAN);
    view.setUint32(at + 8, key.length, LITTLE_ENDIAN);
    view.setUint32(at + 12, value.length, LITTLE_ENDIAN);
    bytes.set(key, data);
    bytes.set(value, data + key.length);
    data += key.length + value.length;
  });
  return bytes;
}

function branchPage({ children, ...plan }: BucketPlan["branchLevels"][number][number]): Uint8Array {
  const { bytes, view } = page({ ...plan, kind: kinds.branch });
  let data = PAGE_HEADER_BYTES + children.length * ELEMENT_BYTES;
  children.forEach(({ firstKey, id }, index) => {
    const at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    view.setUint32(at, data - at, LITTLE_ENDIAN);
    view.setUint32(at + 4, firstKey.length, LITTLE_ENDIAN);
    view.setBigUint64(at + 8, BigInt(id), LITTLE_ENDIAN);
    bytes.set(firstKey, data);
    data += firstKey.length;
  });
  return bytes;
}

/** The root page, and a sequence that etcd does not use. */
function bucketValue(root: number): Uint8Array {
  const value = new Uint8Array(16);
  new DataView(value.buffer).setBigUint64(0, BigInt(root), LITTLE_ENDIAN);
  return value;
}

function metaPage(id: 0 | 1, root: number, totalPages: number): Uint8Array {
  const { bytes, view } = page({ id, kind: kinds.meta, elements: 0, pages: 1 });
  const at = PAGE_HEADER_BYTES;
  view.setUint32(at, MAGIC, LITTLE_ENDIAN);
  view.setUint32(at + 4, VERSION, LITTLE_ENDIAN);
  view.setUint32(at + 8, PAGE_BYTES, LITTLE_ENDIAN);
  view.setBigUint64(at + 16, BigInt(root), LITTLE_ENDIAN);
  view.setBigUint64(at + 32, 2n, LITTLE_ENDIAN);
  view.setBigUint64(at + 40, BigInt(totalPages), LITTLE_ENDIAN);
  view.setBigUint64(at + 48, BigInt(id), LITTLE_ENDIAN);
  view.setBigUint64(at + 56, fnv1a(bytes.subarray(at, at + META_BYTES - 8)), LITTLE_ENDIAN);
  return bytes;
}

function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

// Reading

/**
 * The rows of one bucket of a whole file, in order; undefined when there is none of that name.
 * @throws RangeError when the bytes are no file of bbolt.
 */
export function readBucket(file: Uint8Array, name: string): Iterable<Row> | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const { root, pageBytes } = newestMeta(file, view);
  const pages: Pages = { file, view, pageBytes };
  for (const { flags, key, value } of elements(pages, root)) {
    if ((flags & BUCKET_FLAG) === 0 || new TextDecoder().decode(key) !== name) continue;
    const bucketRoot = Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, LITTLE_ENDIAN));
    // A small bucket stands, as one page, in its parent's row.
    if (bucketRoot === 0) return rows({ ...pages, file: value, view: new DataView(value.buffer, value.byteOffset, value.length) }, 16);
    return rows(pages, bucketRoot * pageBytes);
  }
  return undefined;
}

interface Pages {
  readonly file: Uint8Array;
  readonly view: DataView;
  readonly pageBytes: number;
}

function newestMeta(file: Uint8Array, view: DataView): { readonly root: number; readonly pageBytes: number } {
  let newest = { transaction: -1n, root: 0, pageBytes: 0 };
  let pageBytes = 0;
  for (let index = 0; index < 2; index++) {
    const at = index * pageBytes + PAGE_HEADER_BYTES;
    if (at + META_BYTES > file.length || view.getUint32(at, LITTLE_ENDIAN) !== MAGIC || view.getUint32(at + 4, LITTLE_ENDIAN) !== VERSION) {
      throw new RangeError("not a file of bbolt");
    }
    pageBytes = view.getUint32(at + 8, LITTLE_ENDIAN);
    const transaction = view.getBigUint64(at + 48, LITTLE_ENDIAN);
    const whole = view.getBigUint64(at + 56, LITTLE_ENDIAN) === fnv1a(file.subarray(at, at + META_BYTES - 8));
    if (whole && transaction > newest.transaction) newest = { transaction, root: Number(view.getBigUint64(at + 16, LITTLE_ENDIAN)) * pageBytes, pageBytes };
  }
  if (newest.transaction < 0n) throw new RangeError("a file of bbolt whose headers are damaged");
  return newest;
}

function* rows(pages: Pages, at: number): Generator<Row> {
  for (const { key, value } of elements(pages, at)) yield [key, value];
}

/** The leaves' elements below the page at this offset. */
function* elements(pages: Pages, at: number): Generator<{ readonly flags: number; readonly key: Uint8Array; readonly value: Uint8Array }> {
  const { file, view, pageBytes } = pages;
  const kind = view.getUint16(at + 8, LITTLE_ENDIAN);
  const count = view.getUint16(at + 10, LITTLE_ENDIAN);
  for (let index = 0; index < count; index++) {
    const element = at + PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
    if ((kind & kinds.branch) !== 0) {
      yield* elements(pages, Number(view.getBigUint64(element + 8, LITTLE_ENDIAN)) * pageBytes);
    } else {
      const keyAt = element + view.getUint32(element + 4, LITTLE_ENDIAN);
      const valueAt = keyAt + view.getUint32(element + 8, LITTLE_ENDIAN);
      const end = valueAt + view.getUint32(element + 12, LITTLE_ENDIAN);
      if (end > file.length) throw new RangeError("a file of bbolt that is cut off");
      yield { flags: view.getUint32(element, LITTLE_ENDIAN), key: file.subarray(keyAt, valueAt), value: file.subarray(valueAt, end) };
    }
  }
}

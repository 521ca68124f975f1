// The folder that holds one store: its lock, its format mark and the look at the data file before LMDB maps it.
//
// LMDB reads through a memory map, and touching a page past the end of a file that was cut off kills the process. A file
// that is shorter than its own header says is therefore filled up with zeros and every row verified before use. (LMDB may
// leave its last pages unwritten when they are free, so that a short file alone proves nothing.)
import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { StoreError } from "./store.ts";

const FORMAT = 1;
const DATA_FILE = "data.mdb";
const FORMAT_FILE = "format";
const LOCK_FILE = "owner.lock";
/** Exists from the moment a short file is filled up until all its rows were found whole. */
const SUSPECT_FILE = "verify";
/** `open(2)` on macOS: take an exclusive lock, or fail at once. Not in Node's constants. */
const DARWIN_O_EXLOCK_NONBLOCK = 0x20 | 0x4;

export interface StoreFolder {
  /** The data file ended before the pages that its header counts: every row must be verified. */
  readonly suspect: boolean;
  /** Marks the store as whole: from now on an empty data file is damage. */
  markWhole(): void;
  release(): void;
}

/**
 * Takes the folder for this process, making it when it is missing. The lock is the kernel's: it ends with the process, however that ends.
 * @throws StoreError `locked`, `corrupt`, `unavailable`
 */
export async function takeFolder(folder: string): Promise<StoreFolder> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFile(join(folder, LOCK_FILE), folder);
  try {
    const initialised = checkFormat(folder);
    const suspect = checkDataFile(folder, initialised);
    return {
      suspect,
      markWhole: () => {
        if (!initialised) markFormat(folder);
        if (suspect) rmSync(join(folder, SUSPECT_FILE));
      },
      release: () => closeSync(lock),
    };
  } catch (error) {
    closeSync(lock);
    throw error;
  }
}

async function lockFile(path: string, folder: string): Promise<number> {
  const locked = () => new StoreError("locked", `the store in ${folder} is in use by process ${readFileSync(path, "utf8").trim() || "unknown"}`);
  if (process.platform === "darwin") {
    try {
      return writeOwner(openSync(path, 0x2 | 0x200 | DARWIN_O_EXLOCK_NONBLOCK, 0o600));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") throw locked();
      throw error;
    }
  }
  const file = openSync(path, "a+", 0o600);
  try {
    if (!(await flock(file))) throw locked();
    return writeOwner(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * Locks an open file. Node has no flock(2); the command locks the open file description that it inherits, which stays locked
 * as long as this process holds it.
 */
function flock(file: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["-x", "-n", "3"], { stdio: ["ignore", "ignore", "ignore", file] });
    child.on("error", (error) => reject(new StoreError("unavailable", `the store needs the command flock (package util-linux): ${error.message}`)));
    child.on("exit", (code) => resolve(code === 0));
  });
}

function writeOwner(file: number): number {
  ftruncateSync(file, 0);
  writeSync(file, `${process.pid}\n`, 0);
  return file;
}

function checkFormat(folder: string): boolean {
  const path = join(folder, FORMAT_FILE);
  if (!existsSync(path)) return false;
  const text = readFileSync(path, "utf8").trim();
  if (text !== String(FORMAT))
    throw new StoreError("corrupt", `the store in ${folder} has format ${JSON.stringify(text)}, this program reads format ${FORMAT}`);
  return true;
}

function markFormat(folder: string): void {
  writeFileSync(join(folder, FORMAT_FILE), `${FORMAT}\n`, { mode: 0o600, flush: true });
  const directory = openSync(folder, "r");
  fsyncSync(directory);
  closeSync(directory);
}

// Where LMDB's two header pages keep their fields.
const META = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, bytes: 160 } as const;
const META_MAGIC = 0xbeefc0de;

/** Whether the data file is suspect; fills it up when it is short. */
function checkDataFile(folder: string, initialised: boolean): boolean {
  const path = join(folder, DATA_FILE);
  const suspectPath = join(folder, SUSPECT_FILE);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) {
    if (initialised) throw new StoreError("corrupt", `the store's file ${path} is missing or empty, but the folder held data before`);
    return false;
  }
  const file = openSync(path, "r+");
  try {
    const expected = expectedSize(file);
    if (expected === undefined) throw new StoreError("corrupt", `the store's file ${path} has no readable header`);
    if (fstatSync(file).size >= expected) return existsSync(suspectPath);
    writeFileSync(suspectPath, "", { flush: true });
    ftruncateSync(file, expected);
    return true;
  } finally {
    closeSync(file);
  }
}

/** The size that the newer header counts; undefined when neither header can be read. */
function expectedSize(file: number): number | undefined {
  const page = Buffer.alloc(META.bytes);
  let newest = { transaction: -1n, size: 0 };
  let pageSize = 0;
  for (let index = 0; index < 2; index++) {
    if (readSync(file, page, 0, META.bytes, index * pageSize) < META.bytes || page.readUInt32LE(META.magic) !== META_MAGIC) return undefined;
    if (index === 0) pageSize = page.readUInt32LE(META.pageSize);
    const transaction = page.readBigUInt64LE(META.transaction);
    if (transaction > newest.transaction) newest = { transaction, size: (Number(page.readBigUInt64LE(META.lastPage)) + 1) * pageSize };
  }
  return newest.size;
}

// The victim of the crash test: writes pairs of keys from eight concurrent writers as fast as it can and prints, after each
// acknowledgement, the number up to which every pair was acknowledged.
import { createSystemEnv } from "../base/index.host.ts";
import { openLmdbStore } from "./lmdb.host.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: crash-writer FOLDER");
const store = await openLmdbStore(createSystemEnv({ logLevel: "error" }), { folder });
const encoder = new TextEncoder();

let next = store.revision();
const acknowledged = new Set<number>();
let complete = next - 1;

async function writer(): Promise<void> {
  for (;;) {
    const number = next++;
    const name = String(number).padStart(9, "0");
    const keys = [`/n/${name}`, `/m/${name}`];
    await store.txn({ compare: [], success: keys.map((key) => ({ type: "put", key, value: encoder.encode(`value of ${key}`) })), failure: [] });
    acknowledged.add(number);
    while (acknowledged.delete(complete + 1)) complete++;
    process.stdout.write(`${complete}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, writer));

// The store's public face.
export { prefixEnd } from "./key-range.ts";
export { createMemoryStore } from "./memory.ts";
export * from "./store.ts";

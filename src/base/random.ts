// Seeded randomness: the same seed gives the same draws, and streams forked by name are independent of each other, so a new
// component does not shift another's draws. The generator is xoshiro128** (https://prng.di.unimi.it/).
import type { Random } from "./env.ts";

/** A deterministic source. Not for secrets. */
export function createSeededRandom(seed: string): Random {
  const state = seedState(seed);
  const next32 = (): number => {
    const [a, b, c, d] = state as unknown as [number, number, number, number];
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    const c2 = c ^ a;
    const d2 = d ^ b;
    state[1] = b ^ c2;
    state[0] = a ^ d2;
    state[2] = c2 ^ shifted;
    state[3] = rotateLeft(d2, 11);
    return result;
  };
  return {
    next: () => next32() / 0x1_0000_0000,
    bytes: (length) => Uint8Array.from({ length }, () => next32() & 0xff),
    fork: (name) => createSeededRandom(`${seed}/${name}`),
  };
}

function rotateLeft(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

/** Four words from FNV-1a with four starts, then mixed. */
function seedState(seed: string): Uint32Array {
  return Uint32Array.from([0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35], (start) => {
    let hash = start;
    for (let position = 0; position < seed.length; position++) hash = Math.imul(hash ^ seed.charCodeAt(position), 0x01000193);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x7feb352d);
    return (hash ^ (hash >>> 15)) >>> 0 || 1;
  });
}

/** A version 4 UUID. */
export function randomUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Letters and digits that spell no words and confuse no eyes, as generated names use them. */
const NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** The random end of a generated name. */
export function randomNameSuffix(random: Random, length = 5): string {
  return Array.from({ length }, () => NAME_ALPHABET[Math.floor(random.next() * NAME_ALPHABET.length)]).join("");
}

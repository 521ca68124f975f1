// A name for a text: equal texts have equal hashes, different ones practically never. For ETags and cache-busting URLs, not for
// security: anybody can make two texts collide.

/** 32 hexadecimal digits. Four lanes of FNV-1a with different offsets, mixed at the end. */
export function contentHash(text: string): string {
  const lanes = [0x811c9dc5, 0x01000193, 0x9e3779b9, 0x85ebca6b];
  let [a = 0, b = 0, c = 0, d = 0] = lanes;
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ (code + a), 0x85ebca6b);
    c = Math.imul(c ^ (code + b), 0xc2b2ae35);
    d = Math.imul(d ^ (code + c), 0x27d4eb2f);
  }
  return [a, b, c, d].map((lane) => mixed(lane).toString(16).padStart(8, "0")).join("");
}

function mixed(lane: number): number {
  let value = Math.imul(lane ^ (lane >>> 16), 0x7feb352d);
  value = Math.imul(value ^ (value >>> 15), 0x846ca68b);
  return (value ^ (value >>> 16)) >>> 0;
}

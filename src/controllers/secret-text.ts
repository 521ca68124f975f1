// What a secret holds under a key, as text.
import type { Secret } from "../api/index.ts";

/** Empty when there is nothing under the key. */
export function secretText({ data }: Secret, key: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(data?.[key] ?? ""), (unit) => unit.charCodeAt(0)));
}

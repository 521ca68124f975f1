// Points in time as Kubernetes writes them: RFC 3339, UTC, in seconds (`Time`) or in microseconds (`MicroTime`).

/** `2026-01-02T15:04:05Z`, cut to the second. */
export function formatTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** `2026-01-02T15:04:05.000000Z`. */
export function formatMicroTime(epochMs: number): string {
  const micros = Math.floor((epochMs - Math.floor(epochMs)) * 1000);
  return `${new Date(Math.floor(epochMs)).toISOString().slice(0, 23)}${String(micros).padStart(3, "0")}Z`;
}

/** Milliseconds since the epoch of any RFC 3339 text; undefined when there is none or it is no time. */
export function parseTime(text: string | null | undefined): number | undefined {
  if (text === undefined || text === null || text === "") return undefined;
  const epochMs = Date.parse(text);
  return Number.isNaN(epochMs) ? undefined : epochMs;
}

import { expect, it } from "vitest";
import { formatMicroTime, formatTime, parseTime } from "./time.ts";

const NOON_MS = Date.UTC(2026, 0, 2, 12, 0, 0, 250);

it("writes times in whole seconds, cut and not rounded", () => {
  expect(formatTime(NOON_MS + 749)).toBe("2026-01-02T12:00:00Z");
});

it("writes micro times with six digits, also of fractions of a millisecond", () => {
  expect(formatMicroTime(NOON_MS)).toBe("2026-01-02T12:00:00.250000Z");
  expect(formatMicroTime(NOON_MS + 0.125)).toBe("2026-01-02T12:00:00.250125Z");
});

it("reads any RFC 3339 text, and nothing else", () => {
  expect(parseTime("2026-01-02T12:00:00.250Z")).toBe(NOON_MS);
  expect(parseTime("2026-01-02T13:00:00.250000+01:00")).toBe(NOON_MS);
  for (const text of [undefined, null, "", "yesterday"]) expect(parseTime(text)).toBeUndefined();
});

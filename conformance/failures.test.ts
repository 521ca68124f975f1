import { expect, test } from "vitest";
import { linesBetween } from "./failures.ts";

test("a failure comes with what was logged from its start to its end", () => {
  const log = ["2026-01-02T03:04:04.000Z before", "2026-01-02T03:04:05.500Z during", "  more of it", "2026-01-02T03:04:09.000Z after", "  of after"];
  expect(linesBetween(log.join("\n"), "2026-01-02T03:04:05Z", "2026-01-02T03:04:08Z")).toEqual(["2026-01-02T03:04:05.500Z during", "  more of it"]);
});

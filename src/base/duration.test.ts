import { describe, expect, it } from "vitest";
import { formatDuration, humanDuration, parseDuration } from "./duration.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("durations", () => {
  it.each([
    ["1h30m", 90 * MINUTE],
    ["250ms", 250],
    ["1.5s", 1500],
    ["-2s", -2000],
    ["0", 0],
  ])("parses %s", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(["", "1", "s", "1d", "1h 2m"])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each([
    [0, "0s"],
    [1500, "1.5s"],
    [250, "250ms"],
    [90 * MINUTE, "1h30m0s"],
    [5 * MINUTE, "5m0s"],
  ])("formats %d ms as %s", (value, expected) => {
    expect(formatDuration(value)).toBe(expected);
    expect(parseDuration(expected)).toBe(value);
  });

  it.each([
    [-500, "0s"],
    [119_000, "119s"],
    [125_000, "2m5s"],
    [10 * MINUTE, "10m"],
    [3 * HOUR, "3h"],
    [3 * HOUR + 5 * MINUTE, "3h5m"],
    [47 * HOUR, "47h"],
    [2 * DAY + 4 * HOUR, "2d4h"],
    [400 * DAY, "400d"],
    [800 * DAY, "2y70d"],
    [-5000, "<invalid>"],
  ])("shows an age of %d ms as %s", (value, expected) => {
    expect(humanDuration(value)).toBe(expected);
  });
});

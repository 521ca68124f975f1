import { describe, expect, it } from "vitest";
import { createSeededRandom, randomNameSuffix, randomUuid } from "./random.ts";

describe("seeded randomness", () => {
  it("repeats itself for one seed and differs between forks", () => {
    const draws = (seed: string) =>
      Array.from(
        { length: 5 },
        (
          (random) => () =>
            random.next()
        )(createSeededRandom(seed)),
      );
    expect(draws("a")).toEqual(draws("a"));
    expect(draws("a")).not.toEqual(draws("b"));
    const random = createSeededRandom("a");
    expect(random.fork("x").next()).not.toBe(random.fork("y").next());
    expect(random.fork("x").next()).toBe(createSeededRandom("a").fork("x").next());
  });

  it("is spread evenly enough", () => {
    const random = createSeededRandom("spread");
    const counts = Array.from({ length: 10 }, () => 0);
    for (let draw = 0; draw < 10_000; draw++) {
      const bucket = Math.floor(random.next() * 10);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it("makes UUIDs and name suffixes of the right form", () => {
    const random = createSeededRandom("names");
    expect(randomUuid(random)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(randomNameSuffix(random)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });
});

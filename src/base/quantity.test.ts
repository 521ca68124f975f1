import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseQuantity, Quantity, QuantityError, tryParseQuantity } from "./quantity.ts";

describe("Quantity", () => {
  it.each([
    ["0", "0"],
    ["1000m", "1"],
    ["0.5", "500m"],
    ["1500m", "1500m"],
    ["1.5Gi", "1536Mi"],
    ["1024", "1024"],
    ["1024Ki", "1Mi"],
    ["512Ki", "512Ki"],
    ["0.5Ki", "512"],
    ["1000", "1k"],
    ["12e6", "12e6"],
    ["1E", "1E"],
    ["1E3", "1e3"],
    ["-5", "-5"],
    [".001", "1m"],
    ["100n", "100n"],
    ["0.1n", "1n"],
    ["100Gi", "100Gi"],
    ["9999999999999E", "9223372036854775807"],
  ])("%s is written %s", (text, canonical) => {
    expect(parseQuantity(text).toString()).toBe(canonical);
  });

  it.each(["", "abc", "1.1.1", "1 Gi", "Ki", "1KB", "--1", "1ii"])("%j is refused", (text) => {
    expect(() => parseQuantity(text)).toThrow(QuantityError);
    expect(tryParseQuantity(text)).toBeUndefined();
  });

  it("rounds up to whole units and thousandths", () => {
    expect(parseQuantity("1.1").value()).toBe(2);
    expect(parseQuantity("1100u").milliValue()).toBe(2);
    expect(parseQuantity("2Gi").value()).toBe(2147483648);
  });

  it("adds exactly and keeps the first format that is not zero", () => {
    expect(Quantity.zero.add(parseQuantity("1Gi")).add(parseQuantity("512Mi")).toString()).toBe("1536Mi");
    expect(parseQuantity("1").subtract(parseQuantity("250m")).toString()).toBe("750m");
    expect(parseQuantity("1").compare(parseQuantity("1000m"))).toBe(0);
  });

  it("reads back what it writes", () => {
    const format = fc.constantFrom("BinarySI", "DecimalSI", "DecimalExponent") as fc.Arbitrary<Quantity["format"]>;
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), format, (nanos, as) => {
        const text = new Quantity(nanos, as).toString();
        expect(parseQuantity(text).nanos).toBe(nanos);
        expect(parseQuantity(text).toString()).toBe(text);
      }),
    );
  });
});

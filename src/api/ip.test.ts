import { describe, expect, test } from "vitest";
import { FieldPath, fieldErrorText } from "./field-errors.ts";
import { addressAt, checkCidr, checkIp, cidrContains, formatCidr, formatIp, parseCidr, parseIp } from "./ip.ts";

const path = FieldPath.root("ip");

describe("addresses", () => {
  test.each([
    ["10.0.0.1", "10.0.0.1"],
    ["2001:DB8::0:1", "2001:db8::1"],
    ["::", "::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ])("%s is written %s", (text, canonical) => {
    const ip = parseIp(text);
    expect(ip === undefined ? undefined : formatIp(ip)).toBe(canonical);
  });

  test.each(["", "1.2.3", "1.2.3.256", ":::", "1:2:3:4:5:6:7:8:9", "1::2::3", "g::", "12345::", "1.2.3.4:80"])("%j is none", (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  test.each([
    ["010.0.0.1", "must not have leading 0s"],
    ["::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"],
    ["nowhere", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"],
  ])("%s must not be used", (text, problem) => {
    expect(checkIp(path, text).map(fieldErrorText)).toEqual([`ip: Invalid value: "${text}": ${problem}`]);
  });
});

describe("CIDRs", () => {
  test.each([
    ["10.0.0.1/8", "must not have bits set beyond the prefix length"],
    ["10.0.0.0/08", "must not have leading 0s in IP or prefix length"],
    ["10.0.0.0/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
    ["10.0.0.0", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"],
  ])("%s must not be used", (text, problem) => {
    expect(checkCidr(path, text).map(fieldErrorText)).toEqual([`ip: Invalid value: "${text}": ${problem}`]);
  });

  test("contain addresses of their family", () => {
    const cidr = parseCidr("10.96.0.0/16");
    const inside = parseIp("10.96.3.4");
    const outside = parseIp("10.97.0.1");
    const other = parseIp("::a60:304");
    if (cidr === undefined || inside === undefined || outside === undefined || other === undefined) throw new Error("the examples can be read");
    expect([inside, outside, other].map((ip) => cidrContains(cidr, ip))).toEqual([true, false, false]);
    expect(formatCidr({ ...cidr, address: inside })).toBe("10.96.0.0/16");
  });
});

test.each([
  ["10.96.0.0/16", 10, "10.96.0.10"],
  ["10.0.0.255/32", 1, "10.0.1.0"],
  ["10.244.0.0/16", 258, "10.244.1.2"],
  ["fd00::ffff/112", 1, "fd00::1:0"],
])("the address in %s at %d is %s", (cidr, index, expected) => {
  expect(addressAt(cidr, index)).toBe(expected);
});

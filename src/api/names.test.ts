import { describe, expect, test } from "vitest";
import {
  checkConfigMapKey,
  checkDns1035Label,
  checkDnsLabel,
  checkDnsSubdomain,
  checkEnvVarName,
  checkLabelValue,
  checkPathSegmentName,
  checkPortName,
  checkQualifiedName,
  nameIsDnsSubdomain,
} from "./names.ts";

describe("names", () => {
  test.each<[(value: string) => string[], string]>([
    [checkDnsLabel, "web-1"],
    [checkDnsSubdomain, "a.b-c.example"],
    [checkDns1035Label, "web"],
    [checkQualifiedName, "example.com/My_Name.1"],
    [checkLabelValue, ""],
    [checkLabelValue, "a_B-1"],
    [checkPortName, "http-2"],
    [checkEnvVarName, "A B.c"],
    [checkConfigMapKey, "..data.json".slice(1)],
  ])("%o accepts %s", (check, value) => {
    expect(check(value)).toEqual([]);
  });

  const subdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  test.each<[(value: string) => string[], string, string[]]>([
    [checkDnsSubdomain, "Web", [subdomain]],
    [checkDnsSubdomain, "a".repeat(254), ["must be no more than 253 characters"]],
    [checkDnsLabel, "a.b", ["must not contain dots"]],
    [
      checkDnsLabel,
      "-a",
      [
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      checkLabelValue,
      "a b",
      [
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      ],
    ],
    [checkQualifiedName, "/x", ["prefix part must be non-empty"]],
    [checkPortName, "1234", ["must contain at least one letter (a-z)"]],
    [checkPortName, "a--b", ["must not contain consecutive hyphens"]],
    [checkConfigMapKey, "..x", ["must not start with '..'"]],
    [checkPathSegmentName, "a/b", ["may not contain '/'"]],
  ])("%o says of %s what is wrong", (check, value, problems) => {
    expect(check(value)).toEqual(problems);
  });

  test("a prefix of a generated name may end in a dash", () => {
    expect(nameIsDnsSubdomain("web-", true)).toEqual([]);
    expect(nameIsDnsSubdomain("web-", false)).toEqual([subdomain]);
  });
});

// Quantities, semantic versions and named formats in expressions
// (https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library).
import { checkLabelValue, checkQualifiedName, nameIsDns1035Label, nameIsDnsLabel, nameIsDnsSubdomain } from "../api/index.ts";
import { Quantity, tryParseQuantity, WRONG_QUANTITY_FORMAT } from "../base/index.ts";
import { toInt } from "./arithmetic.ts";
import { parseInstant } from "./clock.ts";
import { type Implementation, type Library, library, overload } from "./functions.ts";
import { SizedOpaque } from "./runtime-cost.ts";
import { CelError, compareNumbers, Opaque, Optional, type Value } from "./values.ts";

const NANOS = 1_000_000_000n;

class QuantityValue extends Opaque {
  override readonly typeName = "kubernetes.Quantity";
  constructor(readonly quantity: Quantity) {
    super();
  }
  equals(other: Opaque): boolean {
    return other instanceof QuantityValue && other.quantity.compare(this.quantity) === 0;
  }
  override text(): string {
    return String(this.quantity);
  }
}

function readQuantity(text: string): QuantityValue {
  const quantity = tryParseQuantity(text);
  if (quantity === undefined) throw new CelError(WRONG_QUANTITY_FORMAT);
  return new QuantityValue(quantity);
}
const quantityOf = (value?: Value): Quantity => (value as QuantityValue).quantity;
const ofWhole = (value?: Value): Quantity => new Quantity((value as bigint) * NANOS, "DecimalSI");
const isWhole = (value?: Value): boolean => quantityOf(value).nanos % NANOS === 0n;
function wholeUnits(value?: Value): bigint {
  if (!isWhole(value)) throw new CelError("cannot convert value to integer");
  return toInt(quantityOf(value).nanos / NANOS);
}
const Q = "kubernetes.Quantity";
const compareQuantities = (a?: Value, b?: Value): number => quantityOf(a).compare(quantityOf(b));

export const quantities: Library = library({
  quantity: [overload("string_to_quantity", `(string) ${Q}`, (text) => readQuantity(text as string))],
  isQuantity: [overload("is_quantity_string", "(string) bool", (text) => tryParseQuantity(text as string) !== undefined)],
  sign: [overload("quantity_sign", `(${Q}) int`, (value) => BigInt(quantityOf(value).compare(Quantity.zero)))],
  isGreaterThan: [overload("quantity_is_greater_than", `${Q}.(${Q}) bool`, (a, b) => compareQuantities(a, b) > 0)],
  isLessThan: [overload("quantity_is_less_than", `${Q}.(${Q}) bool`, (a, b) => compareQuantities(a, b) < 0)],
  compareTo: [overload("quantity_compare_to", `${Q}.(${Q}) int`, (a, b) => BigInt(compareQuantities(a, b)))],
  asApproximateFloat: [overload("quantity_get_float", `${Q}.() double`, (value) => Number(quantityOf(value).nanos) / 1e9)],
  asInteger: [overload("quantity_get_int", `${Q}.() int`, wholeUnits)],
  isInteger: [overload("quantity_is_integer", `${Q}.() bool`, isWhole)],
  add: [
    overload("quantity_add", `${Q}.(${Q}) ${Q}`, (a, b) => new QuantityValue(quantityOf(a).add(quantityOf(b)))),
    overload("quantity_add_int", `${Q}.(int) ${Q}`, (a, b) => new QuantityValue(quantityOf(a).add(ofWhole(b)))),
  ],
  sub: [
    overload("quantity_sub", `${Q}.(${Q}) ${Q}`, (a, b) => new QuantityValue(quantityOf(a).subtract(quantityOf(b)))),
    overload("quantity_sub_int", `${Q}.(int) ${Q}`, (a, b) => new QuantityValue(quantityOf(a).subtract(ofWhole(b)))),
  ],
});

/** https://semver.org: what is released comes after its pre-releases; build metadata does not count. */
class Semver extends Opaque {
  override readonly typeName = "kubernetes.Semver";
  constructor(
    readonly numbers: readonly bigint[],
    readonly preRelease: readonly string[],
    private readonly written: string,
  ) {
    super();
  }
  compare(other: Semver): number {
    for (const [at, number] of this.numbers.entries()) {
      const order = compareNumbers(number, other.numbers[at] ?? 0n);
      if (order !== 0) return order;
    }
    return comparePreReleases(this.preRelease, other.preRelease);
  }
  equals(other: Opaque): boolean {
    return other instanceof Semver && this.compare(other) === 0;
  }
  override text(): string {
    return this.written;
  }
}
function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return compareNumbers(b.length, a.length) === 0 ? 0 : a.length === 0 ? 1 : -1;
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [left = "", right = ""] = [a[at], b[at]];
    if (left === right) continue;
    const [leftIsNumber, rightIsNumber] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (leftIsNumber && rightIsNumber) return compareNumbers(BigInt(left), BigInt(right));
    if (leftIsNumber !== rightIsNumber) return leftIsNumber ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return compareNumbers(a.length, b.length);
}
const NUMBER = "(0|[1-9][0-9]*)";
const IDENTIFIERS = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const SEMVER = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`);

function parseSemver(text: string, lenient: boolean): Semver | undefined {
  const written = lenient ? normalized(text) : text;
  const match = SEMVER.exec(written);
  if (match === null) return undefined;
  const preRelease = match[4]?.split(".") ?? [];
  if (preRelease.some((part) => /^0[0-9]+$/.test(part))) return undefined;
  return new Semver(match.slice(1, 4).map(BigInt), preRelease, written);
}
/** Lenient: a leading v, leading zeros, missing numbers (unless there is more than numbers). */
function normalized(text: string): string {
  const [major = "", minor, ...rest] = text.replace(/^v/, "").split(".");
  const parts = minor === undefined ? [major] : rest.length === 0 ? [major, minor] : [major, minor, rest.join(".")];
  const trimmed = parts.map((part) => part.replace(/^0+(?=[0-9])/, ""));
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? "")) return "";
  return [...trimmed, "0", "0"].slice(0, 3).join(".");
}
function readSemver(text: string, lenient: boolean): Semver {
  const version = parseSemver(text, lenient);
  if (version === undefined) throw new CelError(`${JSON.stringify(text)} is not a semantic version`);
  return version;
}
const S = "kubernetes.Semver";
const compareVersions = (a?: Value, b?: Value): number => (a as Semver).compare(b as Semver);
const numberAt =
  (at: number): Implementation =>
  (version) =>
    (version as Semver).numbers[at] ?? 0n;

export const versions: Library = library({
  semver: [
    overload("string_to_semver", `(string) ${S}`, (text) => readSemver(text as string, false)),
    overload("string_bool_to_semver", `(string, bool) ${S}`, (text, lenient) => readSemver(text as string, lenient === true)),
  ],
  isSemver: [
    overload("is_semver_string", "(string) bool", (text) => parseSemver(text as string, false) !== undefined),
    overload("is_semver_string_bool", "(string, bool) bool", (text, lenient) => parseSemver(text as string, lenient === true) !== undefined),
  ],
  isGreaterThan: [overload("semver_is_greater_than", `${S}.(${S}) bool`, (a, b) => compareVersions(a, b) > 0)],
  isLessThan: [overload("semver_is_less_than", `${S}.(${S}) bool`, (a, b) => compareVersions(a, b) < 0)],
  compareTo: [overload("semver_compare_to", `${S}.(${S}) int`, (a, b) => BigInt(compareVersions(a, b)))],
  major: [overload("semver_major", `${S}.() int`, numberAt(0))],
  minor: [overload("semver_minor", `${S}.() int`, numberAt(1))],
  patch: [overload("semver_patch", `${S}.() int`, numberAt(2))],
});

/** A way to write something, by name. Its size is that of the pattern that checking costs. */
class NamedFormat extends SizedOpaque {
  override readonly typeName = "kubernetes.NamedFormat";
  constructor(
    readonly name: string,
    readonly size: number,
    readonly problems: (text: string) => readonly string[],
  ) {
    super();
  }
  equals(other: Opaque): boolean {
    return other instanceof NamedFormat && other.name === this.name;
  }
}
function pattern(expression: RegExp, problem: string): (text: string) => readonly string[] {
  return (text) => (expression.test(text) ? [] : [problem]);
}
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const URI = /^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/)[^\s]*$/;
const ifInstant = (problem: string, instantOf: (text: string) => string) => (text: string) => (parseInstant(instantOf(text)) === undefined ? [problem] : []);
const FORMATS: Readonly<Record<string, NamedFormat>> = {
  dns1123Label: new NamedFormat("DNS1123Label", 30, (text) => nameIsDnsLabel(text, false)),
  dns1123Subdomain: new NamedFormat("DNS1123Subdomain", 60, (text) => nameIsDnsSubdomain(text, false)),
  dns1035Label: new NamedFormat("DNS1035Label", 30, (text) => nameIsDns1035Label(text, false)),
  qualifiedName: new NamedFormat("QualifiedName", 60, checkQualifiedName),
  dns1123LabelPrefix: new NamedFormat("DNS1123LabelPrefix", 30, (text) => nameIsDnsLabel(text, true)),
  dns1123SubdomainPrefix: new NamedFormat("DNS1123SubdomainPrefix", 60, (text) => nameIsDnsSubdomain(text, true)),
  dns1035LabelPrefix: new NamedFormat("DNS1035LabelPrefix", 30, (text) => nameIsDns1035Label(text, true)),
  labelValue: new NamedFormat("LabelValue", 40, checkLabelValue),
  uri: new NamedFormat("URI", 1103, (text) => (URI.test(text) ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`])),
  uuid: new NamedFormat("uuid", 75, pattern(UUID, "does not match the UUID format")),
  byte: new NamedFormat("byte", 84, (text) => (text !== "" && BASE64.test(text) ? [] : ["invalid base64"])),
  date: new NamedFormat(
    "date",
    77,
    ifInstant("invalid date", (text) => `${text}T00:00:00Z`),
  ),
  datetime: new NamedFormat(
    "datetime",
    77,
    ifInstant("invalid datetime", (text) => text),
  ),
};
const F = "kubernetes.NamedFormat";

export const formats: Library = library({
  "format.named": [
    overload("format-named", `(string) optional(${F})`, (name) => {
      const format = FORMATS[name as string];
      return format === undefined ? Optional.none : Optional.of(format);
    }),
  ],
  validate: [
    overload("format-validate", `${F}.(string) optional(list(string))`, (format, text) => {
      const problems = (format as NamedFormat).problems(text as string);
      return problems.length === 0 ? Optional.none : Optional.of(problems);
    }),
  ],
  ...Object.fromEntries(Object.entries(FORMATS).map(([name, format]) => [`format.${name}`, [overload(`format.${name}`, `() ${F}`, () => format)]])),
});

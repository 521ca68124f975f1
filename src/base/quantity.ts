// Numbers with a unit, as Kubernetes writes resources: `500m`, `1Gi`, `12e6`
// (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/). Exact to a billionth, rounded up beyond,
// capped at 2^63-1. Immutable.

export type QuantityFormat = "BinarySI" | "DecimalSI" | "DecimalExponent";

export class QuantityError extends Error {
  override readonly name = "QuantityError";
}

const PATTERN = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?[0-9]+))?$/;
/** What every text is told that is no quantity. */
export const WRONG_QUANTITY_FORMAT = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const DECIMAL_SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"] as const;
const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;
/** Position of the plain unit among the decimal suffixes. */
const UNIT = 3;
const NANOS = 1_000_000_000n;
const LARGEST = (2n ** 63n - 1n) * NANOS;
/** Parsing is remembered: the same few texts come again and again. */
const MEMORY_LIMIT = 4096;
const memory = new Map<string, Quantity>();

export class Quantity {
  constructor(
    /** The value in billionths. */
    readonly nanos: bigint,
    readonly format: QuantityFormat,
  ) {}

  static readonly zero = new Quantity(0n, "DecimalSI");

  static fromMilli(milli: number, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(Math.round(milli)) * 1_000_000n, format);
  }

  static fromValue(value: number, format: QuantityFormat = "DecimalSI"): Quantity {
    return new Quantity(BigInt(Math.round(value)) * NANOS, format);
  }

  /** Whole units, rounded up. */
  value(): number {
    return Number(ceilDivide(this.nanos, NANOS));
  }
  /** Thousandths, rounded up. */
  milliValue(): number {
    return Number(ceilDivide(this.nanos, 1_000_000n));
  }
  isZero(): boolean {
    return this.nanos === 0n;
  }
  /** -1, 0 or 1, whatever the formats. */
  compare(other: Quantity): number {
    return this.nanos < other.nanos ? -1 : this.nanos > other.nanos ? 1 : 0;
  }
  /** Keeps this format, or takes the other's when this is zero. */
  add(other: Quantity): Quantity {
    return new Quantity(this.nanos + other.nanos, this.isZero() ? other.format : this.format);
  }
  subtract(other: Quantity): Quantity {
    return new Quantity(this.nanos - other.nanos, this.isZero() ? other.format : this.format);
  }
  negate(): Quantity {
    return new Quantity(-this.nanos, this.format);
  }
  /** The canonical text: no fraction, the largest suffix that keeps the number whole. */
  toString(): string {
    if (this.nanos === 0n) return "0";
    const whole = this.nanos % NANOS === 0n;
    const units = this.nanos / NANOS;
    if (this.format === "BinarySI" && whole && (units >= 1024n || units <= -1024n)) return printBinary(units);
    return printDecimal(this.nanos, this.format === "DecimalExponent");
  }
}

function printBinary(units: bigint): string {
  let mantissa = units;
  let power = 0;
  while (power < BINARY_SUFFIXES.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    power++;
  }
  return `${mantissa}${BINARY_SUFFIXES[power]}`;
}

function printDecimal(nanos: bigint, asExponent: boolean): string {
  let mantissa = nanos;
  let power = 0;
  while (power < DECIMAL_SUFFIXES.length - 1 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    power++;
  }
  if (!asExponent) return `${mantissa}${DECIMAL_SUFFIXES[power]}`;
  const exponent = (power - UNIT) * 3;
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
}

/** Throws `QuantityError`, with the text that Kubernetes' clients know, when `text` is no quantity. */
export function parseQuantity(text: string): Quantity {
  const read = readQuantity(text);
  if (typeof read === "string") throw new QuantityError(read);
  return read;
}

/** Undefined instead of an error, which takes a hundred times longer to make. */
export function tryParseQuantity(text: string): Quantity | undefined {
  const read = readQuantity(text);
  return typeof read === "string" ? undefined : read;
}

/** What is wrong, for a text that is no quantity. */
function readQuantity(text: string): Quantity | string {
  const known = memory.get(text);
  if (known !== undefined) return known;
  const parsed = parse(text);
  if (typeof parsed === "string") return parsed;
  if (memory.size >= MEMORY_LIMIT) memory.clear();
  memory.set(text, parsed);
  return parsed;
}

function parse(text: string): Quantity | string {
  const match = PATTERN.exec(text);
  const [, sign, whole = "", fraction = "", suffix, exponent] = match ?? [];
  if (match === null || (whole === "" && fraction === "")) return WRONG_QUANTITY_FORMAT;
  if (whole.length + fraction.length > 64 || (exponent !== undefined && exponent.length > 4)) return "unable to parse quantity's suffix";
  const digits = BigInt(whole + fraction);
  const { format, binaryPower, decimalPower } = readUnit(suffix, exponent);
  // digits × 10^(decimalPower − fraction digits) × 1024^binaryPower, in billionths
  const power = 9 + decimalPower - fraction.length;
  let nanos = digits * 1024n ** BigInt(binaryPower);
  nanos = power >= 0 ? nanos * 10n ** BigInt(power) : ceilDivide(nanos, 10n ** BigInt(-power));
  if (nanos > LARGEST) nanos = LARGEST;
  return new Quantity(sign === "-" ? -nanos : nanos, format);
}

function readUnit(suffix: string | undefined, exponent: string | undefined): { format: QuantityFormat; binaryPower: number; decimalPower: number } {
  if (exponent !== undefined) return { format: "DecimalExponent", binaryPower: 0, decimalPower: Number(exponent) };
  if (suffix === undefined) return { format: "DecimalSI", binaryPower: 0, decimalPower: 0 };
  const binary = BINARY_SUFFIXES.indexOf(suffix as (typeof BINARY_SUFFIXES)[number]);
  if (binary > 0) return { format: "BinarySI", binaryPower: binary, decimalPower: 0 };
  const decimal = DECIMAL_SUFFIXES.indexOf(suffix as (typeof DECIMAL_SUFFIXES)[number]);
  return { format: "DecimalSI", binaryPower: 0, decimalPower: (decimal - UNIT) * 3 };
}

/** Rounds up, away from zero for positive numbers, as resource amounts must. */
function ceilDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value > 0n && value % by !== 0n ? quotient + 1n : quotient;
}

// The formats of names that Kubernetes accepts, with the texts it answers when a value does not fit
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/names/). Every check returns what is wrong: an empty list is a valid value.
// The texts, regular expressions included, are part of the API: clients match on them.

const DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS_LABEL_UNDERSCORE = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const DNS_SUBDOMAIN = `${DNS_LABEL}(\\.${DNS_LABEL})*`;
const DNS_SUBDOMAIN_UNDERSCORE = `${DNS_LABEL_UNDERSCORE}(\\.${DNS_LABEL_UNDERSCORE})*`;
const DNS_1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?";
const WILDCARD_SUBDOMAIN = `\\*\\.${DNS_SUBDOMAIN}`;
const QUALIFIED_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = `(${QUALIFIED_NAME})?`;
const C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*";
const PERCENT = "[0-9]+%";
const HTTP_HEADER_NAME = "[-A-Za-z0-9]+";
const CONFIG_MAP_KEY = "[-._a-zA-Z0-9]+";
const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
export const DNS_LABEL_MAX_LENGTH = 63;
export const DNS_SUBDOMAIN_MAX_LENGTH = 253;
const LABEL_VALUE_MAX_LENGTH = 63;

const PATTERNS = new Map<string, RegExp>();

/** Tells whether the whole of `value` fits `pattern`. */
function fits(pattern: string, value: string): boolean {
  let compiled = PATTERNS.get(pattern);
  if (compiled === undefined) {
    compiled = new RegExp(`^(?:${pattern})$`);
    PATTERNS.set(pattern, compiled);
  }
  return compiled.test(value);
}

/** `what`, the expression, and examples, as Kubernetes words a value that does not fit. */
export function regexError(what: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${what} (regex used for validation is '${pattern}')`;
  return `${what} (e.g. ${examples.map((example) => `'${example}', `).join(" or ")}regex used for validation is '${pattern}')`;
}
export function maxLengthError(length: number): string {
  return `must be no more than ${length} characters`;
}
function maxBytesError(length: number): string {
  return `must be no more than ${length} bytes`;
}
export function inclusiveRangeError(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}
const EMPTY_ERROR = "must be non-empty";

const encoder = new TextEncoder();
/** The length that limits speak of: UTF-8 bytes. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

export function checkDnsLabel(value: string): string[] {
  const problems = byteLength(value) > DNS_LABEL_MAX_LENGTH ? [maxLengthError(DNS_LABEL_MAX_LENGTH)] : [];
  if (fits(DNS_LABEL, value)) return problems;
  if (fits(DNS_SUBDOMAIN, value)) return [...problems, "must not contain dots"];
  const text = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...problems, regexError(text, DNS_LABEL, "my-name", "123-abc")];
}

export function checkDnsSubdomain(value: string): string[] {
  const problems = byteLength(value) > DNS_SUBDOMAIN_MAX_LENGTH ? [maxLengthError(DNS_SUBDOMAIN_MAX_LENGTH)] : [];
  return fits(DNS_SUBDOMAIN, value) ? problems : [...problems, regexError(SUBDOMAIN_TEXT, DNS_SUBDOMAIN, "example.com")];
}

export function checkDnsSubdomainWithUnderscore(value: string): string[] {
  const problems = byteLength(value) > DNS_SUBDOMAIN_MAX_LENGTH ? [maxLengthError(DNS_SUBDOMAIN_MAX_LENGTH)] : [];
  const text =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  return fits(DNS_SUBDOMAIN_UNDERSCORE, value) ? problems : [...problems, regexError(text, DNS_SUBDOMAIN_UNDERSCORE, "example.com")];
}

export function checkDns1035Label(value: string): string[] {
  const problems = byteLength(value) > DNS_LABEL_MAX_LENGTH ? [maxLengthError(DNS_LABEL_MAX_LENGTH)] : [];
  const text =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return fits(DNS_1035_LABEL, value) ? problems : [...problems, regexError(text, DNS_1035_LABEL, "my-name", "abc-123")];
}

export function checkWildcardDnsSubdomain(value: string): string[] {
  const problems = byteLength(value) > DNS_SUBDOMAIN_MAX_LENGTH ? [maxLengthError(DNS_SUBDOMAIN_MAX_LENGTH)] : [];
  const text =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return fits(WILDCARD_SUBDOMAIN, value) ? problems : [...problems, regexError(text, WILDCARD_SUBDOMAIN, "*.example.com")];
}

const QUALIFIED_TEXT = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_EXAMPLES = ["MyName", "my.name", "123-abc"];

/** The key of a label, an annotation, a resource or a condition: a name with an optional DNS prefix. */
export function checkQualifiedName(value: string): string[] {
  const parts = value.split("/");
  if (parts.length > 2) {
    const text = regexError(QUALIFIED_TEXT, QUALIFIED_NAME, ...QUALIFIED_EXAMPLES);
    return [`a valid label key ${text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const problems: string[] = [];
  const name = parts[parts.length - 1] ?? "";
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (prefix === "") problems.push(`prefix part ${EMPTY_ERROR}`);
  else if (prefix !== undefined) {
    if (byteLength(prefix) > DNS_SUBDOMAIN_MAX_LENGTH) problems.push(`prefix part ${maxBytesError(DNS_SUBDOMAIN_MAX_LENGTH)}`);
    if (!fits(DNS_SUBDOMAIN, prefix)) problems.push(`prefix part ${regexError(SUBDOMAIN_TEXT, DNS_SUBDOMAIN, "example.com")}`);
  }
  if (name === "") problems.push(`name part ${EMPTY_ERROR}`);
  else if (byteLength(name) > LABEL_VALUE_MAX_LENGTH) problems.push(`name part ${maxBytesError(LABEL_VALUE_MAX_LENGTH)}`);
  if (!fits(QUALIFIED_NAME, name)) problems.push(`name part ${regexError(QUALIFIED_TEXT, QUALIFIED_NAME, ...QUALIFIED_EXAMPLES)}`);
  return problems;
}

export function checkLabelValue(value: string): string[] {
  const problems = byteLength(value) > LABEL_VALUE_MAX_LENGTH ? [maxBytesError(LABEL_VALUE_MAX_LENGTH)] : [];
  const text =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return fits(LABEL_VALUE, value) ? problems : [...problems, regexError(text, LABEL_VALUE, "MyValue", "my_value", "12345")];
}

export function checkCIdentifier(value: string): string[] {
  const text = "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  return fits(C_IDENTIFIER, value) ? [] : [regexError(text, C_IDENTIFIER, "my_name", "MY_NAME", "MyName")];
}

export function checkPortNumber(port: number): string[] {
  return checkRange(port, 1, 65535);
}
export function checkRange(value: number, low: number, high: number): string[] {
  return value >= low && value <= high ? [] : [inclusiveRangeError(low, high)];
}
/** A Linux user or group id. */
export function checkNumericId(id: number): string[] {
  return checkRange(id, 0, 2147483647);
}

/** The name of a port: an IANA_SVC_NAME (RFC 6335). */
export function checkPortName(port: string): string[] {
  const problems: string[] = [];
  if (byteLength(port) > 15) problems.push(maxLengthError(15));
  if (!/^[-a-z0-9]+$/.test(port)) problems.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(port)) problems.push("must contain at least one letter (a-z)");
  if (port.includes("--")) problems.push("must not contain consecutive hyphens");
  if (port.startsWith("-") || port.endsWith("-")) problems.push("must not begin or end with a hyphen");
  return problems;
}

export function checkPercent(percent: string): string[] {
  return fits(PERCENT, percent) ? [] : [regexError("a valid percent string must be a numeric string followed by an ending '%'", PERCENT, "1%", "93%")];
}

export function checkHttpHeaderName(value: string): string[] {
  return fits(HTTP_HEADER_NAME, value)
    ? []
    : [regexError("a valid HTTP header must consist of alphanumeric characters or '-'", HTTP_HEADER_NAME, "X-Header-Name")];
}

/** The name of an environment variable: printable ASCII but `=`. */
export function checkEnvVarName(value: string): string[] {
  const problems = value === "" ? [`environment variable name ${EMPTY_ERROR}`] : [];
  const text = "a valid environment variable name must consist only of printable ASCII characters other than '='";
  return /^[\x20-\x3c\x3e-\x7e]*$/.test(value) ? problems : [...problems, text];
}

/** A key of a ConfigMap or a Secret: a file name without directories. */
export function checkConfigMapKey(value: string): string[] {
  const problems = byteLength(value) > DNS_SUBDOMAIN_MAX_LENGTH ? [maxLengthError(DNS_SUBDOMAIN_MAX_LENGTH)] : [];
  if (!fits(CONFIG_MAP_KEY, value)) {
    const text = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    problems.push(regexError(text, CONFIG_MAP_KEY, "key.name", "KEY_NAME", "key-name"));
  }
  if (value === ".") problems.push("must not be '.'");
  else if (value === "..") problems.push("must not be '..'");
  else if (value.startsWith("..")) problems.push("must not start with '..'");
  return problems;
}

/** What may stand as one segment of a URL path: the names of the most liberal kinds (roles). */
export function checkPathSegmentName(name: string, isPrefix = false): string[] {
  if (!isPrefix && (name === "." || name === "..")) return [`may not be '${name}'`];
  return ["/", "%"].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}

/** A path below a domain: `acme.io/foo`. Errors come with the part that they speak of. */
export function checkDomainPrefixedPath(value: string): { value: string; problem: string }[] {
  const slash = value.indexOf("/");
  if (slash <= 0 || slash === value.length - 1) return [{ value, problem: 'must be a domain-prefixed path (such as "acme.io/foo")' }];
  const host = value.slice(0, slash);
  const path = value.slice(slash + 1);
  const problems = checkDnsSubdomain(host).map((problem) => ({ value: host, problem }));
  if (!fits(HTTP_PATH, path)) problems.push({ value: path, problem: regexError("Invalid path", HTTP_PATH) });
  return problems;
}

/** How `metadata.name` is checked; `isPrefix` for `generateName`, where a trailing dash is no fault. */
export type NameCheck = (name: string, isPrefix: boolean) => string[];

/** A generated name gets a suffix: a trailing dash of the prefix is then followed by a letter. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name;
}
export const nameIsDnsSubdomain: NameCheck = (name, isPrefix) => checkDnsSubdomain(isPrefix ? maskTrailingDash(name) : name);
export const nameIsDnsLabel: NameCheck = (name, isPrefix) => checkDnsLabel(isPrefix ? maskTrailingDash(name) : name);
export const nameIsDns1035Label: NameCheck = (name, isPrefix) => checkDns1035Label(isPrefix ? maskTrailingDash(name) : name);
export const nameIsPathSegment: NameCheck = (name, isPrefix) => checkPathSegmentName(name, isPrefix);

// The part of kubectl's JSONPath that definitions use to point into their objects: fields, quoted keys, positions, wildcards and filters
// by one comparison (https://kubernetes.io/docs/reference/kubectl/jsonpath/). Everything else is refused when the definition is written.

type Step =
  | { readonly type: "field"; readonly name: string }
  | { readonly type: "index"; readonly position: number }
  | { readonly type: "wildcard" }
  | { readonly type: "filter"; readonly path: readonly Step[]; readonly operator: string; readonly value: string | number | boolean | undefined };

export type JsonPath = readonly Step[];

const FIELD = /^\.?((?:\\.|[^.[\]\\\s'"()?*@])+)/;
const QUOTED = /^\.?\[\s*'((?:\\.|[^'\\])*)'\s*\]|^\.?\[\s*"((?:\\.|[^"\\])*)"\s*\]/;
const INDEX = /^\[\s*(-?\d+)\s*\]/;
const WILDCARD = /^(?:\[\s*\*\s*\]|\.\*)/;
const FILTER =
  /^\[\s*\?\(\s*@((?:\.(?:\\.|[^.[\]\\\s'"()=!<>])+)+)\s*(?:(==|!=|<=|>=|<|>)\s*("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|-?\d+(?:\.\d+)?|true|false)\s*)?\)\s*\]/;

/** Reads `.spec.replicas`, `.metadata.labels['app']`, `.status.conditions[?(@.type=="Ready")].status`. Undefined when it is none of these. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!text.startsWith(".") && !text.startsWith("[")) return undefined;
  const steps: Step[] = [];
  for (let rest = text.trim(); rest !== ""; ) {
    const found = readStep(rest);
    if (found === undefined) return undefined;
    steps.push(found.step);
    rest = rest.slice(found.length);
  }
  return steps;
}

function readStep(rest: string): { readonly step: Step; readonly length: number } | undefined {
  const wildcard = WILDCARD.exec(rest);
  if (wildcard !== null) return { step: { type: "wildcard" }, length: wildcard[0].length };
  const field = FIELD.exec(rest);
  if (field !== null) return { step: { type: "field", name: unescaped(field[1] ?? "") }, length: field[0].length };
  const quoted = QUOTED.exec(rest);
  if (quoted !== null) return { step: { type: "field", name: unescaped(quoted[1] ?? quoted[2] ?? "") }, length: quoted[0].length };
  const index = INDEX.exec(rest);
  if (index !== null) return { step: { type: "index", position: Number(index[1]) }, length: index[0].length };
  const filter = FILTER.exec(rest);
  const path = filter === null ? undefined : parseJsonPath(filter[1] ?? "");
  if (filter === null || path === undefined) return undefined;
  return { step: { type: "filter", path, operator: filter[2] ?? "exists", value: literal(filter[3]) }, length: filter[0].length };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, "$1");
}

function literal(text: string | undefined): string | number | boolean | undefined {
  if (text === undefined) return undefined;
  if (text === "true" || text === "false") return text === "true";
  return /^["']/.test(text) ? unescaped(text.slice(1, -1)) : Number(text);
}

/** The values that the path leads to, in order. */
export function valuesAt(path: JsonPath, value: unknown): readonly unknown[] {
  let found: unknown[] = [value];
  for (const step of path) found = found.flatMap((item) => follow(step, item));
  return found;
}

function follow(step: Step, value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  switch (step.type) {
    case "field": {
      const object = value as Readonly<Record<string, unknown>>;
      return !Array.isArray(value) && Object.hasOwn(object, step.name) && object[step.name] !== undefined ? [object[step.name]] : [];
    }
    case "index":
      return Array.isArray(value) && value.at(step.position) !== undefined ? [value.at(step.position)] : [];
    case "wildcard":
      return Object.values(value);
    case "filter":
      return Array.isArray(value) ? value.filter((item) => matches(step, item)) : [];
  }
}

function matches({ path, operator, value }: Extract<Step, { type: "filter" }>, item: unknown): boolean {
  const [found] = valuesAt(path, item);
  if (operator === "exists") return found !== undefined;
  if (found === undefined || value === undefined || typeof found !== typeof value) return operator === "!=" && found !== undefined;
  const order = (found as string | number) < (value as string | number) ? -1 : found === value ? 0 : 1;
  const outcomes: Readonly<Record<string, boolean>> = {
    "==": order === 0,
    "!=": order !== 0,
    "<": order < 0,
    "<=": order <= 0,
    ">": order > 0,
    ">=": order >= 0,
  };
  return outcomes[operator] ?? false;
}

/** The names of a path that consists of fields alone; undefined for any other. */
export function fieldNames(path: JsonPath): readonly string[] | undefined {
  const names = path.map((step) => (step.type === "field" ? step.name : undefined));
  return names.every((name) => name !== undefined) ? names : undefined;
}

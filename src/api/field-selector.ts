// Field selectors: `metadata.name=a,status.phase!=Running` (https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/).
// In a value `,`, `=` and `\` are escaped with a backslash. What fields a kind can be selected by stands in its declaration.
import type { Kind } from "./kind.ts";
import type { KubeObject } from "./object.ts";
import { badRequestError } from "./status-error.ts";

export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** A conjunction of field requirements. Immutable. */
export class FieldSelector {
  constructor(readonly requirements: readonly FieldRequirement[]) {}

  static readonly everything = new FieldSelector([]);

  get isEmpty(): boolean {
    return this.requirements.length === 0;
  }
  /** `read` gives a field's text, `""` when it is not set. */
  matches(read: (field: string) => string): boolean {
    return this.requirements.every(({ field, operator, value }) => (read(field) === value) === (operator === "="));
  }
  /** The one value that `field` must have, when the selector says so: what an index can use. */
  exactValue(field: string): string | undefined {
    return this.requirements.find((requirement) => requirement.field === field && requirement.operator === "=")?.value;
  }
  toString(): string {
    return this.requirements.map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`).join(",");
  }
}

export function escapeFieldValue(value: string): string {
  return value.replaceAll(/[\\,=]/g, "\\$&");
}

/** Parses the text form. Throws a BadRequest. */
export function parseFieldSelector(text: string): FieldSelector {
  if (text === "") return FieldSelector.everything;
  const requirements: FieldRequirement[] = [];
  for (const term of text.match(/(?:\\[\s\S]?|[^\\,])+/g) ?? []) {
    const parts = /^(.*?)(!=|==|=)([\s\S]*)$/s.exec(term);
    if (parts === null) throw badRequestError(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field = "", operator, value = ""] = parts;
    requirements.push({ field, operator: operator === "!=" ? "!=" : "=", value: unescapeFieldValue(value) });
  }
  return new FieldSelector(requirements);
}

function unescapeFieldValue(value: string): string {
  return value.replaceAll(/\\([\s\S]?)|[,=]/gu, (sequence: string, escaped: string | undefined) => {
    if (escaped === undefined) throw badRequestError(`invalid field selector: unescaped character in value: ${sequence.codePointAt(0)}`);
    if (escaped !== "\\" && escaped !== "," && escaped !== "=") throw badRequestError(`invalid field selector: invalid escape sequence: ${sequence}`);
    return escaped;
  });
}

/** The text of one selectable field of an object. */
export function readField<T extends KubeObject>(kind: Kind<T>, object: T, field: string): string {
  if (field === "metadata.name") return object.metadata.name;
  if (field === "metadata.namespace") return object.metadata.namespace ?? "";
  return kind.declaration.selectableFields?.[field]?.(object) ?? "";
}

/** Tells which fields a kind can be selected by. */
export function isSelectableField(kind: Kind, field: string): boolean {
  if (field === "metadata.name") return true;
  if (field === "metadata.namespace") return kind.namespaced;
  return Object.hasOwn(kind.declaration.selectableFields ?? {}, field);
}

/** Parses the text form for one kind. Throws a BadRequest, also for a field the kind cannot be selected by. */
export function parseFieldSelectorFor(kind: Kind, text: string): FieldSelector {
  const selector = parseFieldSelector(text);
  for (const { field } of selector.requirements) {
    if (isSelectableField(kind, field)) continue;
    const known = Object.keys(kind.declaration.selectableFields ?? {});
    if (known.length > 0) throw badRequestError(`field label not supported: ${field}`);
    throw badRequestError(`${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`);
  }
  return selector;
}

/** Tells whether the object has what the selector asks for. */
export function fieldSelectorMatches<T extends KubeObject>(kind: Kind<T>, selector: FieldSelector, object: T): boolean {
  return selector.isEmpty || selector.matches((field) => readField(kind, object, field));
}

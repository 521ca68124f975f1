// Cells that the tables of workloads share: containers, images, labels, and label selectors as text.
import type { Column } from "../kind.ts";
import type { KubeObject, LabelSelector } from "../object.ts";

/** What the cells need to know of a container. */
interface NamedImage {
  readonly name: string;
  readonly image?: string;
}

/** `app=web,tier=front` in the order of keys; `<none>` without labels. */
export function labelsCell(labels: Readonly<Record<string, string>> | undefined): string {
  const text = labelPairs(labels).join(",");
  return text === "" ? "<none>" : text;
}

function labelPairs(labels: Readonly<Record<string, string>> | undefined): string[] {
  return Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
}

/** A label selector as `kubectl -l` takes it, in the order of keys; empty when it selects all. */
export function labelSelectorText(selector: LabelSelector | undefined): string {
  const terms: [string, string][] = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => [key, `${key}=${value}`]);
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) terms.push([key, expressionText(key, operator, values)]);
  return terms
    .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .map(([, text]) => text)
    .join(",");
}

function expressionText(key: string, operator: string, values: readonly string[]): string {
  const list = [...values].sort().join(",");
  if (operator === "Exists") return key;
  if (operator === "DoesNotExist") return `!${key}`;
  return operator === "In" ? `${key} in (${list})` : `${key} notin (${list})`;
}

/** As a cell: `<none>` when it selects nothing in particular. */
export function labelSelectorCell(selector: LabelSelector | undefined): string {
  const text = labelSelectorText(selector);
  return text === "" ? "<none>" : text;
}

/** The wide columns of every workload. */
export function containerColumns<T extends KubeObject>(containersOf: (object: T) => readonly NamedImage[], priority: 0 | 1 = 1): readonly Column<T>[] {
  return [
    {
      name: "Containers",
      type: "string",
      priority,
      description: "Names of the template's containers.",
      value: (object) =>
        containersOf(object)
          .map(({ name }) => name)
          .join(","),
    },
    {
      name: "Images",
      type: "string",
      priority,
      description: "Images of the template's containers.",
      value: (object) =>
        containersOf(object)
          .map(({ image }) => image ?? "")
          .join(","),
    },
  ];
}

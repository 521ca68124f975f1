// Cells that the tables of workloads share: containers, images, labels, and label selectors as text.
import type { Column } from "../kind.ts";
import type { KubeObject, LabelSelector } from "../object.ts";
import { labelSelectorText } from "../selector.ts";

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

/** As a cell: `<none>` when it selects nothing in particular. */
export function labelSelectorCell(selector: LabelSelector | undefined): string {
  const text = selector === undefined ? "" : labelSelectorText(selector);
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

// What becomes of the status of a CustomResourceDefinition: which of its names are accepted - none that another definition of the group has -
// and, once all are, that it is established for good
// (https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/#CustomResourceDefinitionStatus).
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from "../generated/types.ts";

/** Holds a definition that is being deleted until its objects are gone. */
export const DEFINITION_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

type Names = CustomResourceDefinitionNames;

/** The status that a definition should have beside the others; `time` is for conditions that change. */
export function statusOfDefinition(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  time: string,
): CustomResourceDefinitionStatus {
  const { spec, status = {} } = definition;
  const accepted: Names = status.acceptedNames ?? { plural: "", kind: "" };
  const taken = others
    .filter((other) => other.spec.group === spec.group)
    .flatMap(({ status: other }) => (other?.acceptedNames === undefined ? [] : [other.acceptedNames]));
  const { names, conflict } = judgeNames(spec.names, accepted, taken);
  const namesAccepted: CustomResourceDefinitionCondition =
    conflict === undefined
      ? { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" }
      : { type: "NamesAccepted", status: "False", ...conflict };
  let conditions = withCondition(status.conditions ?? [], namesAccepted, time);
  const isEstablished = conditions.some(({ type, status: is }) => type === "Established" && is === "True");
  if (!isEstablished) {
    const established: CustomResourceDefinitionCondition =
      conflict === undefined
        ? { type: "Established", status: "True", reason: "InitialNamesAccepted", message: "the initial names have been accepted" }
        : { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" };
    conditions = withCondition(conditions, established, time);
  }
  return { ...status, acceptedNames: names, conditions };
}

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

function judgeNames(wanted: Names, accepted: Names, taken: readonly Names[]): { readonly names: Names; readonly conflict?: Conflict } {
  const resources = new Set(taken.flatMap(({ plural, singular = "", shortNames = [] }) => [plural, singular, ...shortNames]).filter((name) => name !== ""));
  const kinds = new Set(taken.flatMap(({ kind, listKind = "" }) => [kind, listKind]).filter((name) => name !== ""));
  const isFree = (name: string, own: string, used: ReadonlySet<string>): boolean => name === own || !used.has(name);
  const conflicts: Conflict[] = [];
  const choose = (reason: string, name: string, own: string, used: ReadonlySet<string>): string => {
    if (isFree(name, own, used)) return name;
    conflicts.push({ reason, message: `${JSON.stringify(name)} is already in use` });
    return own;
  };
  const plural = choose("PluralConflict", wanted.plural, accepted.plural, resources);
  const singular = choose("SingularConflict", wanted.singular ?? "", accepted.singular ?? "", resources);
  const own = accepted.shortNames ?? [];
  const shortNameConflicts = (wanted.shortNames ?? []).filter((name) => !own.includes(name) && resources.has(name));
  if (shortNameConflicts.length > 0) {
    const texts = shortNameConflicts.map((name) => `${JSON.stringify(name)} is already in use`);
    conflicts.push({ reason: "ShortNamesConflict", message: texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]` });
  }
  const shortNames = shortNameConflicts.length > 0 ? accepted.shortNames : wanted.shortNames;
  const kind = choose("KindConflict", wanted.kind, accepted.kind, kinds);
  const listKind = choose("ListKindConflict", wanted.listKind ?? "", accepted.listKind ?? "", kinds);
  const { categories } = wanted;
  const names = { plural, singular, kind, listKind, ...(shortNames === undefined ? {} : { shortNames }), ...(categories === undefined ? {} : { categories }) };
  return { names, conflict: conflicts.at(-1) };
}

/** The conditions with this one; its time of transition is that of the change of its status. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  condition: CustomResourceDefinitionCondition,
  time: string,
): CustomResourceDefinitionCondition[] {
  const before = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : time;
  const complete = { ...condition, lastTransitionTime };
  return before === undefined ? [...conditions, complete] : conditions.map((other) => (other === before ? complete : other));
}

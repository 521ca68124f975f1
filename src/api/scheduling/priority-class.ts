// PriorityClass (scheduling.k8s.io/v1): a name for a pod priority (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { checkOneOf } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden } from "../field-errors.ts";
import type { PriorityClass } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";

const HIGHEST_USER_PRIORITY = 1_000_000_000;
const SYSTEM_PREFIX = "system-";

/** The classes that the system itself defines: their names are nobody else's. */
export const systemPriorityClasses: readonly PriorityClass[] = [
  {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: "system-node-critical" },
    value: 2_000_001_000,
    description: "For pods without which their node does not work: they must stay on it.",
  },
  {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: "system-cluster-critical" },
    value: 2_000_000_000,
    description: "For pods without which the cluster does not work: any node will do.",
  },
];

function validateCreate(priorityClass: PriorityClass): FieldError[] {
  const policy = FieldPath.root("preemptionPolicy");
  return [...checkValue(priorityClass), ...checkOneOf(policy, priorityClass.preemptionPolicy, ["PreemptLowerPriority", "Never"])];
}

function checkValue({ metadata, value = 0, globalDefault = false }: PriorityClass): FieldError[] {
  const name = metadata.name ?? "";
  if (!name.startsWith(SYSTEM_PREFIX)) {
    if (value <= HIGHEST_USER_PRIORITY) return [];
    return [forbidden(FieldPath.root("value"), `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`)];
  }
  const known = systemPriorityClasses.find((system) => system.metadata.name === name);
  const problem =
    known === undefined
      ? `${name} is not a known system priority class`
      : value !== known.value
        ? `value of ${name} PriorityClass must be ${known.value}`
        : globalDefault
          ? `globalDefault of ${name} PriorityClass must be false`
          : undefined;
  if (problem === undefined) return [];
  return [
    forbidden(
      FieldPath.root("metadata").child("name"),
      `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only. error: ${problem}`,
    ),
  ];
}

function validateUpdate(object: PriorityClass, old: PriorityClass): FieldError[] {
  const changed = (object.value ?? 0) !== (old.value ?? 0) ? [forbidden(FieldPath.root("value"), "may not be changed in an update.")] : [];
  return [...changed, ...checkImmutable(object.preemptionPolicy, old.preemptionPolicy, FieldPath.root("preemptionPolicy"))];
}

export const priorityClasses = kind<PriorityClass>("scheduling.k8s.io/v1", "PriorityClass", {
  columns: [
    nameColumn(),
    { name: "Value", type: "integer", description: "The priority that pods of this class get.", value: ({ value }) => value ?? 0 },
    {
      name: "Global-Default",
      type: "boolean",
      description: "Whether pods without a class get this one.",
      value: ({ globalDefault }) => globalDefault ?? false,
    },
    ageColumn(),
    {
      name: "PreemptionPolicy",
      type: "string",
      description: "Whether pods of this class may preempt others.",
      value: ({ preemptionPolicy }) => preemptionPolicy ?? "",
    },
  ],
  defaults: (object) => {
    object.preemptionPolicy ??= "PreemptLowerPriority";
  },
  prepareForCreate: ({ metadata }) => {
    metadata.generation = 1;
  },
  validateCreate,
  validateUpdate,
  forbidsDeletion: ({ metadata }) =>
    systemPriorityClasses.some((system) => system.metadata.name === metadata.name) ? "this is a system priority class and cannot be deleted" : undefined,
});

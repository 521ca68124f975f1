// CSINode (storage.k8s.io/v1): the CSI drivers of a node (https://kubernetes-csi.github.io/docs/csi-node-object.html).
import { ageColumn, nameColumn } from "../columns.ts";
import { checkCsiDriverName } from "../core/csi-names.ts";
import { kind } from "../declare.ts";
import { checkNonnegative, checkText } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, invalid, required } from "../field-errors.ts";
import type { CSINode } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";
import { checkQualifiedName } from "../names.ts";

const DRIVERS = FieldPath.root("spec").child("drivers");
const LONGEST_NODE_ID = 256;

function validate({ spec }: CSINode): FieldError[] {
  const names = new Set<string>();
  return (spec.drivers ?? []).flatMap(({ name, nodeID, allocatable, topologyKeys = [] }, position) => {
    const path = DRIVERS.index(position);
    const errors = [...checkCsiDriverName(path.child("name"), name)];
    if (nodeID === "") errors.push(required(path.child("nodeID")));
    if (nodeID.length > LONGEST_NODE_ID) errors.push(invalid(path.child("nodeID"), nodeID, `must be ${LONGEST_NODE_ID} characters or less`));
    errors.push(...checkNonnegative(path.child("allocatable", "count"), allocatable?.count));
    if (names.has(name)) errors.push(duplicate(path.child("name"), name));
    names.add(name);
    return [...errors, ...checkTopologyKeys(path, topologyKeys ?? [])];
  });
}

function checkTopologyKeys(path: FieldPath, keys: readonly string[]): FieldError[] {
  return keys.flatMap((key, position) => [
    ...(key === "" ? [required(path)] : []),
    ...(keys.indexOf(key) < position ? [duplicate(path, key)] : []),
    ...checkText(path, key, checkQualifiedName),
  ]);
}

/** What a driver has said of itself stays, but for how much it can attach. */
function validateUpdate(object: CSINode, old: CSINode): FieldError[] {
  const changed = (old.spec.drivers ?? []).flatMap(({ allocatable: _before, ...driver }) => {
    const { allocatable: _after, ...now } = object.spec.drivers?.find(({ name }) => name === driver.name) ?? { ...driver, allocatable: undefined };
    return checkImmutable(now, driver, DRIVERS);
  });
  return [...validate(object), ...changed];
}

export const csiNodes = kind<CSINode>("storage.k8s.io/v1", "CSINode", {
  columns: [
    nameColumn(),
    { name: "Drivers", type: "integer", description: "How many drivers the node has.", value: ({ spec }) => (spec.drivers ?? []).length },
    ageColumn(),
  ],
  validateCreate: validate,
  validateUpdate,
  requiresResourceVersion: true,
  countsGeneration: false,
});

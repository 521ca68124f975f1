// CSIDriver (storage.k8s.io/v1): what the cluster must know of a CSI driver (https://kubernetes-csi.github.io/docs/csi-driver-object.html).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import { checkOneOf } from "../field-checks.ts";
import { duplicate, type FieldError, FieldPath, invalid } from "../field-errors.ts";
import type { CSIDriver } from "../generated/types.ts";
import { checkImmutable } from "../immutable.ts";

const SPEC = FieldPath.root("spec");
const SHORTEST_TOKEN_SECONDS = 600;
const LONGEST_TOKEN_SECONDS = 2 ** 32;
const SHORTEST_UPDATE_SECONDS = 10;

function checkTokenRequests(requests: CSIDriver["spec"]["tokenRequests"]): FieldError[] {
  const audiences = new Set<string>();
  return (requests ?? []).flatMap(({ audience, expirationSeconds }, position) => {
    const path = SPEC.child("tokenRequests").index(position);
    if (audiences.has(audience)) return [duplicate(path.child("audience"), audience)];
    audiences.add(audience);
    if (expirationSeconds === undefined) return [];
    const at = path.child("expirationSeconds");
    if (expirationSeconds < SHORTEST_TOKEN_SECONDS) return [invalid(at, expirationSeconds, "may not specify a duration less than 10 minutes")];
    return expirationSeconds > LONGEST_TOKEN_SECONDS ? [invalid(at, expirationSeconds, "may not specify a duration larger than 2^32 seconds")] : [];
  });
}

function validate({ spec }: CSIDriver): FieldError[] {
  const { nodeAllocatableUpdatePeriodSeconds: period, serviceAccountTokenInSecrets: inSecrets, tokenRequests = [] } = spec;
  const errors = [
    ...checkOneOf(SPEC.child("fsGroupPolicy"), spec.fsGroupPolicy, ["File", "None", "ReadWriteOnceWithFSType"]),
    ...checkTokenRequests(tokenRequests),
    ...(spec.volumeLifecycleModes ?? []).flatMap((mode) => checkOneOf(SPEC.child("volumeLifecycleModes"), mode, ["Persistent", "Ephemeral"])),
  ];
  if (period !== undefined && period < SHORTEST_UPDATE_SECONDS) {
    errors.push(invalid(SPEC.child("nodeAllocatableUpdatePeriodSeconds"), period, "must be greater than or equal to 10 seconds"));
  }
  if (inSecrets !== undefined && tokenRequests.length === 0) {
    const text = "serviceAccountTokenInSecrets is set but no tokenRequests are specified";
    errors.push(invalid(SPEC.child("serviceAccountTokenInSecrets"), inSecrets, text));
  }
  return errors;
}

export const csiDrivers = kind<CSIDriver>("storage.k8s.io/v1", "CSIDriver", {
  columns: [
    nameColumn(),
    {
      name: "AttachRequired",
      type: "boolean",
      description: "Whether volumes are attached before they are mounted.",
      value: ({ spec }) => spec.attachRequired ?? true,
    },
    {
      name: "PodInfoOnMount",
      type: "boolean",
      description: "Whether mounting tells the driver of the pod.",
      value: ({ spec }) => spec.podInfoOnMount ?? false,
    },
    { name: "StorageCapacity", type: "boolean", description: "Whether the driver reports free capacity.", value: ({ spec }) => spec.storageCapacity ?? false },
    {
      name: "TokenRequests",
      type: "string",
      description: "Audiences of the service account tokens the driver gets.",
      value: ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(",") ?? "<unset>",
    },
    {
      name: "RequiresRepublish",
      type: "boolean",
      description: "Whether volumes are published again from time to time.",
      value: ({ spec }) => spec.requiresRepublish ?? false,
    },
    {
      name: "Modes",
      type: "string",
      description: "Lifecycles of volumes the driver serves.",
      value: ({ spec }) => (spec.volumeLifecycleModes ?? []).join(",") || "<none>",
    },
    ageColumn(),
  ],
  defaults: ({ spec }) => {
    if (spec === undefined) return;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ["Persistent"];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validateCreate: validate,
  validateUpdate: (object, old) => [
    ...validate(object),
    ...checkImmutable(object.spec.attachRequired, old.spec.attachRequired, SPEC.child("attachedRequired")),
    ...checkImmutable(object.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes, SPEC.child("volumeLifecycleModes")),
  ],
  requiresResourceVersion: true,
  countsGeneration: false,
});

// The `/scale` subresource: the replica counts of any kind as an autoscaling/v1 Scale, and back
// (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/#scale-v1-autoscaling).
import { type Mutable, mutableCopy, present } from "../base/index.ts";
import { FieldPath, invalid } from "./field-errors.ts";
import type { Scale } from "./generated/types.ts";
import type { Kind } from "./kind.ts";
import type { KubeObject } from "./object.ts";
import { badRequestError, conflictError, invalidError } from "./status-error.ts";

/** What `/scale` of an object shows. */
export function scaleOf<T extends KubeObject>(kind: Kind<T>, object: T): Scale {
  const declared = present(kind.declaration.scale, `scale of ${kind.kind}`);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = declared.selector(object);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: declared.specReplicas(object) },
    status: { replicas: declared.statusReplicas(object), ...(selector === "" ? {} : { selector }) },
  };
}

/** The object with the replicas that a Scale asks for. Throws Invalid, or Conflict when the Scale speaks of another object. */
export function withScale<T extends KubeObject>(kind: Kind<T>, object: T, scale: Scale): Mutable<T> {
  const declared = present(kind.declaration.scale, `scale of ${kind.kind}`);
  const replicas = scale.spec?.replicas ?? 0;
  const { name, uid } = object.metadata;
  checkPlace(scale, object);
  if (replicas < 0) {
    const error = invalid(FieldPath.root("spec").child("replicas"), replicas, "must be greater than or equal to 0");
    throw invalidError({ group: "autoscaling", kind: "Scale" }, name, [error]);
  }
  const asked = scale.metadata.uid ?? "";
  if (asked !== "" && asked !== uid) {
    throw conflictError(kind, name, `Precondition failed: UID in precondition: ${asked}, UID in object meta: ${uid ?? ""}`);
  }
  const changed = mutableCopy(object);
  if ((scale.metadata.resourceVersion ?? "") !== "") changed.metadata.resourceVersion = scale.metadata.resourceVersion;
  declared.setSpecReplicas(changed, replicas);
  return changed;
}

/** Its name and namespace may be left out, but not be another's. Throws a BadRequest. */
function checkPlace({ metadata: { name: givenName, namespace: givenNamespace } }: Scale, { metadata: { name, namespace } }: KubeObject): void {
  if (givenName && givenName !== name) throw badRequestError(`the name of the object (${givenName}) does not match the name on the URL (${name})`);
  if (givenNamespace && givenNamespace !== namespace) {
    throw badRequestError("the namespace of the provided object does not match the namespace sent on the request");
  }
}

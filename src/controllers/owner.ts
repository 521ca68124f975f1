// Who owns whom: controller references, adoption of matching orphans and release of what matches no longer
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/).
import { compileLabelSelector, type Kind, type KubeObject, type LabelSelector, type OwnerReference, objectKey } from "../api/index.ts";
import { type Action, patch } from "./action.ts";
import { type Caches, type Wake, wake } from "./controller.ts";

/** The one owner that manages the object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference that a managed object carries. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? "", controller: true, blockOwnerDeletion: true };
}

/** Index of objects by their controller's uid; objects without one under "orphan/<namespace>". */
export const CONTROLLER_INDEX = "controller";

export function indexByController<T extends KubeObject>(caches: Caches, kind: Kind<T>): void {
  caches.of(kind).addIndex(CONTROLLER_INDEX, (object) => [controllerOf(object)?.uid ?? orphansOf(object.metadata.namespace)]);
}

function orphansOf(namespace: string | undefined): string {
  return `orphan/${namespace ?? ""}`;
}

/** What the owner manages, and the orphans of its namespace that its selector picks. */
export function claimable<T extends KubeObject>(caches: Caches, kind: Kind<T>, owner: KubeObject, selector: LabelSelector | undefined): T[] {
  const informer = caches.of(kind);
  const compiled = compileLabelSelector(selector);
  const orphans = informer.byIndex(CONTROLLER_INDEX, orphansOf(owner.metadata.namespace)).filter(({ metadata }) => compiled.matches(metadata.labels));
  return [...informer.byIndex(CONTROLLER_INDEX, owner.metadata.uid ?? ""), ...orphans];
}

/** Wakes the owner of an object, or every owner whose selector picks an orphan. */
export function wakeOwner<T extends KubeObject, Owner extends KubeObject>(
  owned: Kind<T>,
  owners: Kind<Owner>,
  selectorOf: (owner: Owner) => LabelSelector | undefined,
): Wake {
  return wake(owned, (object: T, caches) => {
    const reference = controllerOf(object);
    const { namespace, labels } = object.metadata;
    const informer = caches.of(owners);
    if (reference !== undefined) {
      if (reference.kind !== owners.kind) return [];
      const owner = informer.get(namespace === undefined ? reference.name : `${namespace}/${reference.name}`);
      return owner !== undefined && owner.metadata.uid === reference.uid ? [objectKey(owner)] : [];
    }
    // Orphans by the thousand (bare pods) must not cost a look at each selector when nothing matches at all.
    if (labels === undefined) return [];
    return informer
      .inNamespace(namespace ?? "")
      .filter((owner) => compileLabelSelector(selectorOf(owner)).matches(labels))
      .map(objectKey);
  });
}

export interface Claims<T> {
  /** What the owner manages once the actions are done. */
  readonly claimed: readonly T[];
  /** Adoptions and releases. */
  readonly actions: readonly Action[];
}

/**
 * Sorts candidates into what stays, what is adopted, and what is let go. An owner that is being deleted adopts nothing;
 * neither is anything adopted that is being deleted.
 */
export function claim<T extends KubeObject>(kind: Kind<T>, owner: KubeObject, selector: LabelSelector | undefined, candidates: readonly T[]): Claims<T> {
  const compiled = compileLabelSelector(selector);
  const claimed: T[] = [];
  const actions: Action[] = [];
  const ownerGoes = owner.metadata.deletionTimestamp !== undefined;
  for (const object of candidates) {
    const reference = controllerOf(object);
    const matches = compiled.matches(object.metadata.labels);
    if (reference !== undefined && reference.uid !== owner.metadata.uid) continue;
    if (reference !== undefined) {
      if (matches) claimed.push(object);
      else if (!ownerGoes && object.metadata.deletionTimestamp === undefined) actions.push(release(kind, object, owner));
    } else if (matches && !ownerGoes && object.metadata.deletionTimestamp === undefined) {
      actions.push(adopt(kind, object, owner));
      claimed.push(object);
    }
  }
  return { claimed, actions };
}

function adopt<T extends KubeObject>(kind: Kind<T>, object: T, owner: KubeObject): Action {
  const references = [...(object.metadata.ownerReferences ?? []), controllerReference(owner)];
  return patch(kind, object, ownersPatch(object, references));
}

function release<T extends KubeObject>(kind: Kind<T>, object: T, owner: KubeObject): Action {
  const references = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
  return patch(kind, object, ownersPatch(object, references));
}

/** Holds only for the object and the state that was seen. */
function ownersPatch(object: KubeObject, ownerReferences: readonly OwnerReference[]) {
  const { uid = "", resourceVersion = "" } = object.metadata;
  return { type: "merge", body: { metadata: { uid, resourceVersion, ownerReferences: ownerReferences.map((reference) => ({ ...reference })) } } } as const;
}

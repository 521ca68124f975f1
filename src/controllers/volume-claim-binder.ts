// Binds claims to volumes, or says what they wait for (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding).
//
// Invariants: the volume is written before the claim, so that two claims that want one volume are told apart by its conflict; a
// claim becomes Bound after its volume did. Volumes follow their claims in volume-reclaim.ts.
import {
  annotations,
  boundToClaim,
  claimKeysOf,
  defaultStorageClassOf,
  findVolumeFor,
  isPodBound,
  isPodTerminal,
  isVolumeOfClaim,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  type StorageClass,
  sameValue,
  storageClasses,
  storageClassOf,
  waitsForConsumer,
  whyUnfit,
  withAnnotation,
} from "../api/index.ts";
import { parseQuantity } from "../base/index.ts";
import { type Action, note, nothing, type Plan, update, updateStatus } from "./action.ts";
import { type Caches, controller, wake } from "./controller.ts";

/** As much as a plan for one claim looks at. */
export interface ObservedClaim {
  readonly claim: PersistentVolumeClaim;
  /** The volume it names; undefined: none of that name. */
  readonly volume: PersistentVolume | undefined;
  /** Only looked at when the claim names no volume. */
  readonly volumes: readonly PersistentVolume[];
  readonly storageClass: StorageClass | undefined;
  readonly defaultClass: StorageClass | undefined;
  /** Pods without a node that use it. */
  readonly waitingPods: readonly string[];
}

/** Users who look at a waiting claim shall find out why, though events expire. */
const REMIND_MS = 5 * 60_000;
/** The size before a resize that the node has yet to finish. */
const SIZE_BEFORE_RESIZE = "volume.alpha.kubernetes.io/pre-resize-capacity";
/** Provisioners of this prefix would be built into the controllers. */
const BUILT_IN_PREFIX = "kubernetes.io/";

export function planClaim(observed: ObservedClaim): Plan {
  const { claim } = observed;
  if (claim.metadata.annotations?.[annotations.bindCompleted] !== undefined) return planBoundClaim(observed);
  if (claim.metadata.deletionTimestamp !== undefined) return nothing;
  return (claim.spec.volumeName ?? "") === "" ? planFreeClaim(observed) : planClaimWithWish(observed);
}

function planBoundClaim({ claim, volume }: ObservedClaim): Plan {
  const { volumeName = "" } = claim.spec;
  if (volumeName === "") return lost(claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
  if (volume === undefined) return lost(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  const { claimRef } = volume.spec;
  if (claimRef === undefined || claimRef.uid === claim.metadata.uid) return bind(claim, volume);
  return lost(claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
}

/** Any volume will do that fits. */
function planFreeClaim(observed: ObservedClaim): Plan {
  const { claim, volumes, storageClass, defaultClass } = observed;
  const waits = waitsForConsumer(storageClass);
  const found = findVolumeFor(claim, volumes, { onlyReserved: waits });
  if (found !== undefined) return bind(claim, found);
  if (storageClassOf(claim) === undefined && defaultClass !== undefined) {
    return { actions: [update(persistentVolumeClaims, { ...claim, spec: { ...claim.spec, storageClassName: defaultClass.metadata.name } })] };
  }
  if (waits && claim.metadata.annotations?.[annotations.selectedNode] === undefined) return waiting(claim, whatIsWaitedFor(observed));
  if ((storageClassOf(claim) ?? "") !== "") return provision(observed);
  return waiting(claim, note(claim, "Normal", "FailedBinding", "no persistent volumes available for this claim and no storage class is set"));
}

function whatIsWaitedFor({ claim, waitingPods }: ObservedClaim): Action {
  if (waitingPods.length === 0) return note(claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding");
  const names = `pod${waitingPods.length === 1 ? "" : "s"} ${waitingPods.join(",")}`;
  return note(claim, "Normal", "WaitForPodScheduled", `waiting for ${names} to be scheduled`);
}

/** The claim wants one volume and no other. */
function planClaimWithWish({ claim, volume }: ObservedClaim): Plan {
  if (volume === undefined) return waiting(claim);
  if (volume.spec.claimRef === undefined) {
    const problem = whyUnfit(volume, claim);
    if (problem === undefined) return bind(claim, volume);
    return waiting(claim, note(claim, "Warning", "VolumeMismatch", `Cannot bind to requested volume "${volume.metadata.name}": ${problem}`));
  }
  if (isVolumeOfClaim(volume, claim)) return bind(claim, volume);
  return waiting(claim, note(claim, "Warning", "FailedBinding", `volume "${volume.metadata.name}" already bound to a different claim.`));
}

/** Asks the class's provisioner for a volume. */
function provision({ claim, storageClass }: ObservedClaim): Plan {
  if (storageClass === undefined) {
    const message = `storageclass.storage.k8s.io "${storageClassOf(claim)}" not found`;
    return waiting(claim, note(claim, "Warning", "ProvisioningFailed", message));
  }
  const { provisioner } = storageClass;
  if (provisioner.startsWith(BUILT_IN_PREFIX)) {
    return waiting(claim, note(claim, "Warning", "ProvisioningFailed", `no volume plugin matched name: ${provisioner}`));
  }
  const asked = [annotations.betaStorageProvisioner, annotations.storageProvisioner].reduce((object, name) => {
    return object.metadata.annotations?.[name] === provisioner ? object : withAnnotation(object, name, provisioner);
  }, claim);
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. ` +
    "If volume creation is delayed, please verify that the provisioner is running and correctly registered.";
  const told = note(claim, "Normal", "ExternalProvisioning", message);
  return { actions: [...(asked === claim ? [] : [update(persistentVolumeClaims, asked)]), told], requeueAfterMs: REMIND_MS };
}

/** First the names of each other, then, once the volume says that it is bound, the claim's status. */
function bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Plan {
  const boundVolume = boundToClaim(volume, claim);
  const boundClaim = naming(claim, volume);
  const actions: Action[] = [];
  if (boundVolume !== volume) actions.push(update(persistentVolumes, boundVolume));
  if (boundClaim !== claim) actions.push(update(persistentVolumeClaims, boundClaim));
  if (actions.length > 0) return { actions };
  if (volume.status?.phase !== "Bound") return nothing;
  const status = statusWith(claim, volume);
  return sameValue(status, claim.status) ? nothing : { actions: [updateStatus(persistentVolumeClaims, { ...claim, status })] };
}

function naming(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim {
  const isNamed = claim.spec.volumeName === volume.metadata.name;
  const named = isNamed ? claim : withAnnotation({ ...claim, spec: { ...claim.spec, volumeName: volume.metadata.name } }, annotations.boundByController, "yes");
  return named.metadata.annotations?.[annotations.bindCompleted] === undefined ? withAnnotation(named, annotations.bindCompleted, "yes") : named;
}

function statusWith(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim["status"] {
  const before = claim.status ?? {};
  const status = { ...before, phase: "Bound", accessModes: volume.spec.accessModes };
  // Later the size is the business of whoever resizes.
  if (before.phase === "Bound") return status;
  const attributes = volume.spec.volumeAttributesClassName;
  return {
    ...status,
    capacity: { ...volume.spec.capacity, ...sizeBeforeResize(volume) },
    ...(attributes === undefined ? {} : { currentVolumeAttributesClassName: attributes }),
  };
}

function sizeBeforeResize({ metadata }: PersistentVolume): { readonly storage?: string } {
  const text = metadata.annotations?.[SIZE_BEFORE_RESIZE];
  return text === undefined ? {} : { storage: parseQuantity(text).toString() };
}

function waiting(claim: PersistentVolumeClaim, ...notes: readonly Action[]): Plan {
  return { actions: [...notes, ...withPhase(claim, "Pending")], ...(notes.length === 0 ? {} : { requeueAfterMs: REMIND_MS }) };
}

function lost(claim: PersistentVolumeClaim, reason: string, message: string): Plan {
  const writes = claim.status?.phase === "Lost" ? [] : withPhase(claim, "Lost");
  return { actions: writes.length === 0 ? [] : [...writes, note(claim, "Warning", reason, message)] };
}

/** Without a volume a claim has no capacity. */
function withPhase(claim: PersistentVolumeClaim, phase: string): Action[] {
  const { accessModes: _modes, capacity: _capacity, currentVolumeAttributesClassName: _class, ...rest } = claim.status ?? {};
  const status = { ...rest, phase };
  return sameValue(status, claim.status) ? [] : [updateStatus(persistentVolumeClaims, { ...claim, status })];
}

/** Claims without a volume, by the name of the class; "" for none. */
const UNBOUND_BY_CLASS = "unbound-by-class";
const CLAIM_BY_VOLUME = "claim-by-volume";
/** Pods by the claims they use. */
export const POD_BY_CLAIM = "pod-by-claim";

export function indexPodsByClaim(caches: Caches): void {
  caches.of(pods).addIndex(POD_BY_CLAIM, claimKeysOf);
}

function keyOf({ metadata }: PersistentVolumeClaim): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Claims that a volume may concern: its own, those that name it, and all that look for one of its class. */
function claimsConcernedBy(volume: PersistentVolume, caches: Caches): readonly string[] {
  const claims = caches.of(persistentVolumeClaims);
  const { claimRef } = volume.spec;
  const naming = claims.byIndex(CLAIM_BY_VOLUME, volume.metadata.name).map(keyOf);
  if (claimRef !== undefined) return [`${claimRef.namespace}/${claimRef.name}`, ...naming];
  const looking = volume.status?.phase === "Available" ? claims.byIndex(UNBOUND_BY_CLASS, storageClassOf(volume) ?? "") : [];
  return [...naming, ...looking.map(keyOf)];
}

function unscheduledUsers(caches: Caches, claimKey: string): string[] {
  const users = caches.of(pods).byIndex(POD_BY_CLAIM, claimKey);
  return users.filter((pod: Pod) => !isPodTerminal(pod) && !isPodBound(pod)).map(({ metadata }) => metadata.name);
}

/** Our own note of who is to provision, and conditions that others keep, change nothing here. */
function says(claim: PersistentVolumeClaim): unknown {
  const { [annotations.storageProvisioner]: _ga, [annotations.betaStorageProvisioner]: _beta, ...rest } = claim.metadata.annotations ?? {};
  const { conditions: _conditions, ...status } = claim.status ?? {};
  return [rest, claim.spec, status, claim.metadata.deletionTimestamp];
}

export const volumeClaimBinder = controller<PersistentVolumeClaim, ObservedClaim>("persistentvolume-claim-binder", {
  for: persistentVolumeClaims,
  relevant: (claim, old) => !sameValue(says(claim), says(old)),
  wakes: [
    wake(persistentVolumes, claimsConcernedBy),
    // A class that appears is what its claims wait for; a default one, what claims without a class wait for.
    wake(storageClasses, ({ metadata }, caches) => {
      const claims = caches.of(persistentVolumeClaims);
      return [metadata.name, ""].flatMap((name) => claims.byIndex(UNBOUND_BY_CLASS, name)).map(keyOf);
    }),
  ],
  reads: [pods],
  index: (caches) => {
    indexPodsByClaim(caches);
    const claims = caches.of(persistentVolumeClaims);
    claims.addIndex(UNBOUND_BY_CLASS, (claim) => ((claim.spec.volumeName ?? "") === "" ? [storageClassOf(claim) ?? ""] : []));
    claims.addIndex(CLAIM_BY_VOLUME, ({ spec }) => ((spec.volumeName ?? "") === "" ? [] : [spec.volumeName ?? ""]));
  },
  observe: (key, caches) => {
    const claim = caches.of(persistentVolumeClaims).get(key);
    if (claim === undefined) return undefined;
    const { volumeName = "" } = claim.spec;
    return {
      claim,
      volume: volumeName === "" ? undefined : caches.of(persistentVolumes).get(volumeName),
      volumes: volumeName === "" ? caches.of(persistentVolumes).list() : [],
      storageClass: caches.of(storageClasses).get(storageClassOf(claim) ?? ""),
      defaultClass: defaultStorageClassOf(caches.of(storageClasses).list()),
      waitingPods: unscheduledUsers(caches, key),
    };
  },
  plan: planClaim,
});

// The templates that a daemon set or stateful set has had, kept as ControllerRevisions to tell its pods apart and to roll back
// to (https://kubernetes.io/docs/tasks/manage-daemon/rollback-daemon-set/). A revision is found by its content; content that
// comes again gets the next number, not a second revision.
import {
  type ControllerRevision,
  controllerRevisions,
  type JsonValue,
  type Kind,
  type KubeObject,
  type LabelSelector,
  objectKey,
  type PodTemplateSpec,
  workloadLabels,
} from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { type Action, create, remove, update } from "./action.ts";
import { type Wake, wake } from "./controller.ts";
import { controllerOf, controllerReference, wakeOwner } from "./owner.ts";
import { canonicalJson, stableHash } from "./pod-template.ts";

export interface HistoryInputs {
  readonly owner: KubeObject;
  readonly template: PodTemplateSpec;
  readonly revisions: readonly ControllerRevision[];
  readonly collisionCount: number;
}

export interface History {
  /** The revision of the present template, perhaps yet to be made. */
  readonly current: ControllerRevision;
  /** Oldest number first. */
  readonly old: readonly ControllerRevision[];
  /** Hashes of revisions with the present content that go, because another has it too: pods that carry one are up to date. */
  readonly duplicates: ReadonlySet<string>;
  /** What makes or renumbers the present revision. */
  readonly actions: readonly Action[];
}

/** What a strategic merge patch of this revision brings back: the whole template. */
function revisionData(template: PodTemplateSpec): JsonValue {
  return { spec: { template: { ...(template as unknown as Record<string, JsonValue>), $patch: "replace" } } };
}

/** By which pods carry a revision: its name's hash. */
export function revisionHash({ metadata }: ControllerRevision): string {
  return metadata.labels?.[workloadLabels.controllerRevisionHash] ?? metadata.name;
}

export function historyOf({ owner, template, revisions, collisionCount }: HistoryInputs): History {
  const data = revisionData(template);
  const text = canonicalJson(data);
  const sorted = [...revisions].sort(byRevision);
  const same = sorted.filter((revision) => canonicalJson(revision.data) === text);
  const found = same.at(-1);
  const old = sorted.filter((revision) => !same.includes(revision));
  const surplus = same.slice(0, -1);
  const duplicates = new Set(surplus.map(revisionHash));
  const removals = surplus.map((revision) => remove(controllerRevisions, revision));
  const number = Math.max(0, ...old.map(({ revision }) => revision)) + 1;
  if (found !== undefined) {
    if (found.revision >= number) return { current: found, old, duplicates, actions: removals };
    const renumbered = { ...found, revision: number };
    return { current: renumbered, old, duplicates, actions: [...removals, update(controllerRevisions, renumbered)] };
  }
  const hash = stableHash(text, collisionCount);
  const { name, namespace, annotations } = owner.metadata;
  const current: ControllerRevision = {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: `${name.slice(0, 252 - hash.length)}-${hash}`,
      namespace,
      labels: { ...template.metadata?.labels, [workloadLabels.controllerRevisionHash]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(owner)],
    },
    data,
    revision: number,
  };
  return { current, old, duplicates, actions: [create(controllerRevisions, current)] };
}

/** An owner looks again when a revision of its own is gone, or when one that nobody owns may be its own; what is added or changed waits. */
export function wakeByRevision<Owner extends KubeObject>(owners: Kind<Owner>, selectorOf: (owner: Owner) => LabelSelector | undefined): Wake {
  const ofEvery = wakeOwner(controllerRevisions, owners, selectorOf);
  return wake(controllerRevisions, (revision, caches) => {
    const isThere = caches.of(controllerRevisions).get(objectKey(revision)) !== undefined;
    return isThere && controllerOf(revision) !== undefined ? [] : ofEvery.keys(revision, caches);
  });
}

/** Deletes the oldest revisions past the limit that no pod is of. */
export function forgetOldRevisions(old: readonly ControllerRevision[], limit: number, inUse: ReadonlySet<string>): Action[] {
  const unused = old.filter((revision) => !inUse.has(revisionHash(revision)));
  return unused.slice(0, Math.max(0, unused.length - limit)).map((revision) => remove(controllerRevisions, revision));
}

function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  const age = ({ metadata }: ControllerRevision): number => parseTime(metadata.creationTimestamp) ?? 0;
  return a.revision - b.revision || age(a) - age(b) || (a.metadata.name < b.metadata.name ? -1 : 1);
}

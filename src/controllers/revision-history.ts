// The templates that a daemon set or stateful set has had, kept as ControllerRevisions to tell its pods apart and to roll back
// to (https://kubernetes.io/docs/tasks/manage-daemon/rollback-daemon-set/). A revision is found by its content; content that
// comes again gets the next number, not a second revision.
import { type ControllerRevision, controllerRevisions, type JsonValue, type KubeObject, type PodTemplateSpec, workloadLabels } from "../api/index.ts";
import { parseTime } from "../base/index.ts";
import { type Action, create, remove, update } from "./action.ts";
import { controllerReference } from "./owner.ts";
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
  const duplicates = same.slice(0, -1).map((revision) => remove(controllerRevisions, revision));
  const number = Math.max(0, ...old.map(({ revision }) => revision)) + 1;
  if (found !== undefined) {
    if (found.revision >= number) return { current: found, old, actions: duplicates };
    const renumbered = { ...found, revision: number };
    return { current: renumbered, old, actions: [...duplicates, update(controllerRevisions, renumbered)] };
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
  return { current, old, actions: [create(controllerRevisions, current)] };
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

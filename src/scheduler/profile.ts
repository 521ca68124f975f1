// Which plugins run, in what order, and how much their scores count
// (https://kubernetes.io/docs/reference/scheduling/config/#profiles). A scheduler has one or more profiles; a pod is scheduled by the
// one whose name it carries.
import type { Plugin } from "./plugin.ts";

export interface EnabledPlugin {
  readonly plugin: Plugin;
  /** Times its score; absent or 0: 1. */
  readonly weight?: number;
}

/** The extension points that a profile lists plugins for. */
export const EXTENSION_POINTS = ["preEnqueue", "preFilter", "filter", "postFilter", "preScore", "score", "reserve", "preBind"] as const;
export type ExtensionPoint = (typeof EXTENSION_POINTS)[number];

export interface Profile {
  readonly schedulerName: string;
  /** Of 0 to 100; 0: falls with the number of nodes. Absent: as the scheduler says. */
  readonly percentageOfNodesToScore?: number;
  /** Every plugin that runs at all, once. */
  readonly plugins: readonly Plugin[];
  /** By extension point, in the order in which they run. */
  readonly at: Readonly<Record<ExtensionPoint, readonly EnabledPlugin[]>>;
}

/** A profile in which every plugin runs wherever it can, in the order of the list. */
export function profileOf(schedulerName: string, enabled: readonly EnabledPlugin[]): Profile {
  const at = (point: ExtensionPoint): readonly EnabledPlugin[] => enabled.filter(({ plugin }) => plugin[point] !== undefined);
  return {
    schedulerName,
    plugins: enabled.map(({ plugin }) => plugin),
    at: {
      preEnqueue: at("preEnqueue"),
      preFilter: at("preFilter"),
      filter: at("filter"),
      postFilter: at("postFilter"),
      preScore: at("preScore"),
      score: at("score"),
      reserve: at("reserve"),
      preBind: at("preBind"),
    },
  };
}

// Why no node would take a pod, as it is told to users and to those who try to help. The texts are matched on by clients and
// people: they are upstream's.
import type { Rejection } from "./plugin.ts";

export interface Diagnosis {
  /** How many nodes there are. */
  readonly nodeCount: number;
  /** Set when the look at the pod alone ruled out every node. */
  readonly verdict?: Rejection;
  /** By node name, those that were looked at. */
  readonly rejections: ReadonlyMap<string, Rejection>;
  /** Holds for the nodes that are not among them. */
  readonly others: Rejection;
  /** The plugins that said no. */
  readonly plugins: ReadonlySet<string>;
}

/** What is known of a node. */
export function rejectionOf({ rejections, others }: Diagnosis, nodeName: string): Rejection {
  return rejections.get(nodeName) ?? others;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. <afterword>` */
export function fitMessage({ nodeCount, verdict, rejections, others }: Omit<Diagnosis, "plugins">, afterword = ""): string {
  const reasons = verdict === undefined ? countReasons(nodeCount, rejections, others) : verdict.reasons.join(", ");
  const parts = [`0/${nodeCount} nodes are available:`];
  if (reasons !== "") parts.push(`${reasons}.`);
  if (afterword !== "") parts.push(afterword);
  return parts.join(" ");
}

function countReasons(nodeCount: number, rejections: ReadonlyMap<string, Rejection>, others: Rejection): string {
  const counts = new Map<string, number>();
  const count = (reasons: readonly string[], times: number): void => {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + times);
  };
  for (const { reasons } of rejections.values()) count(reasons, 1);
  if (rejections.size < nodeCount) count(others.reasons, nodeCount - rejections.size);
  return [...counts]
    .map(([reason, times]) => `${times} ${reason}`)
    .sort()
    .join(", ");
}

export const NO_NODES_MESSAGE = "no nodes available to schedule pods";

const LONGEST_NOTE = 1024;

/** As much of a message as an event can hold. */
export function eventNote(message: string): string {
  const ending = " ...";
  return message.length <= LONGEST_NOTE ? message : `${message.slice(0, LONGEST_NOTE - ending.length)}${ending}`;
}

export function assignedMessage(namespace: string, name: string, node: string): string {
  return `Successfully assigned ${namespace}/${name} to ${node}`;
}

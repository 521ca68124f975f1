// ImageLocality: prefers nodes that have the pod's images, the more so the larger they are and the more widely they are spread.
import type { ClusterState } from "../cluster-state.ts";
import type { NodeInfo } from "../node-info.ts";
import { LARGEST_SCORE, plugin, SKIP_SCORE } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";

const MEGABYTE = 1024 * 1024;
/** Below this sum an image is not worth a preference, above the other (a container) it is worth all. */
const SMALLEST_BYTES = 23 * MEGABYTE;
const LARGEST_BYTES_PER_CONTAINER = 1000 * MEGABYTE;

interface WantedImages {
  /** With the share of all nodes that have them; images that none has are left out. */
  readonly shares: readonly (readonly [name: string, share: number])[];
  readonly largestBytes: number;
}

function wantedImages({ pod }: PodInfo, cluster: ClusterState): WantedImages | typeof SKIP_SCORE {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const volumes = (pod.spec.volumes ?? []).flatMap(({ image }) => image?.reference ?? []);
  const names = [...containers.map(({ image = "" }) => image), ...volumes].map(withTag);
  const nodes = cluster.list().length;
  const shares = names.map((name) => [name, cluster.nodesWithImage(name) / nodes] as const).filter(([, share]) => share > 0);
  return shares.length === 0 ? SKIP_SCORE : { shares, largestBytes: LARGEST_BYTES_PER_CONTAINER * containers.length };
}

function scoreOf({ images }: NodeInfo, { shares, largestBytes }: WantedImages): number {
  let sum = 0;
  for (const [name, share] of shares) sum += Math.trunc((images.get(name) ?? 0) * share);
  const bounded = Math.min(largestBytes, Math.max(SMALLEST_BYTES, sum));
  return Math.trunc((LARGEST_SCORE * (bounded - SMALLEST_BYTES)) / (largestBytes - SMALLEST_BYTES));
}

export const imageLocality = plugin<WantedImages>("ImageLocality", {
  preScore: wantedImages,
  score: (_pod, node, wanted) => scoreOf(node, wanted),
});

function withTag(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}

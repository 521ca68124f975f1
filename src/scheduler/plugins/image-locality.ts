// ImageLocality: prefers nodes that have the pod's images, the more so the larger they are and the more widely they are spread.
import type { ClusterState } from "../cluster-state.ts";
import { LARGEST_SCORE, plugin } from "../plugin.ts";

const MEGABYTE = 1024 * 1024;
/** Below this sum an image is not worth a preference, above the other (a container) it is worth all. */
const SMALLEST_BYTES = 23 * MEGABYTE;
const LARGEST_BYTES_PER_CONTAINER = 1000 * MEGABYTE;

export const imageLocality = plugin<ClusterState>("ImageLocality", {
  preScore: (_pod, cluster) => cluster,
  score: ({ pod }, { node }, cluster) => {
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    const volumes = (pod.spec.volumes ?? []).flatMap(({ image }) => image?.reference ?? []);
    const references = [...containers.map(({ image = "" }) => image), ...volumes];
    const images = new Map((node?.status?.images ?? []).flatMap(({ names = [], sizeBytes = 0 }) => names.map((name) => [name, sizeBytes] as const)));
    const nodes = cluster.list().length;
    const sum = references.reduce((total, reference) => {
      const name = withTag(reference);
      return total + Math.trunc(((images.get(name) ?? 0) * cluster.nodesWithImage(name)) / nodes);
    }, 0);
    const largest = LARGEST_BYTES_PER_CONTAINER * containers.length;
    const bounded = Math.min(largest, Math.max(SMALLEST_BYTES, sum));
    return Math.trunc((LARGEST_SCORE * (bounded - SMALLEST_BYTES)) / (largest - SMALLEST_BYTES));
  },
});

function withTag(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}

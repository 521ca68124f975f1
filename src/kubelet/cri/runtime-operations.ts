// How often and how long the kubelet asks its runtime, under upstream's names
// (https://kubernetes.io/docs/reference/instrumentation/metrics/).
import type { Env, Labels } from "../../base/index.ts";

export interface RuntimeOperations {
  /** `path`: the gRPC method's, e.g. `/runtime.v1.RuntimeService/RunPodSandbox`. */
  measured<T>(path: string, call: () => Promise<T>): Promise<T>;
}

/** From 5 ms, each two and a half times the one before. */
const BUCKETS = Array.from({ length: 14 }, (_, power) => 0.005 * 2.5 ** power);

export function createRuntimeOperations({ clock, metrics }: Env): RuntimeOperations {
  const operations = metrics.counter("kubelet_runtime_operations_total", "Cumulative number of runtime operations by operation type.");
  const errors = metrics.counter("kubelet_runtime_operations_errors_total", "Cumulative number of runtime operation errors by operation type.");
  const durations = metrics.histogram("kubelet_runtime_operations_duration_seconds", "Duration in seconds of runtime operations.", BUCKETS);
  const labels = new Map<string, Labels>();
  return {
    async measured(path, call) {
      const known = labels.get(path) ?? { operation_type: operationType(path) };
      labels.set(path, known);
      const beganMs = clock.monotonic();
      operations.add(1, known);
      try {
        return await call();
      } catch (error) {
        errors.add(1, known);
        throw error;
      } finally {
        durations.observe((clock.monotonic() - beganMs) / 1000, known);
      }
    },
  };
}

/** `RunPodSandbox` is `run_podsandbox`. */
export function operationType(path: string): string {
  const method = path.slice(path.lastIndexOf("/") + 1);
  if (method === "UpdateContainerResources") return "update_container";
  return method
    .replace("PodSandbox", "Podsandbox")
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase();
}

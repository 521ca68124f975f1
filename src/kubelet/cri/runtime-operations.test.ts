import { expect, it } from "vitest";
import { createVirtualEnv } from "../../base/index.ts";
import { createRuntimeOperations, operationType } from "./runtime-operations.ts";

it("names operations as upstream does", () => {
  const names = ["RunPodSandbox", "ListPodSandbox", "ContainerStatus", "ExecSync", "UpdateContainerResources", "ImageFsInfo", "Version"];
  expect(names.map((name) => operationType(`/runtime.v1.RuntimeService/${name}`))).toEqual([
    ...["run_podsandbox", "list_podsandbox", "container_status", "exec_sync", "update_container", "image_fs_info", "version"],
  ]);
});

it("counts calls and those that failed", async () => {
  const { env } = createVirtualEnv();
  const operations = createRuntimeOperations(env);
  await operations.measured("/s/Version", async () => 1);
  await expect(operations.measured("/s/Version", () => Promise.reject(new Error("gone")))).rejects.toThrow("gone");
  const text = env.metrics.render();
  expect(text).toContain('kubelet_runtime_operations_total{operation_type="version"} 2');
  expect(text).toContain('kubelet_runtime_operations_errors_total{operation_type="version"} 1');
  expect(text).toContain('kubelet_runtime_operations_duration_seconds_count{operation_type="version"} 2');
});

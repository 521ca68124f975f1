import { expect, it } from "vitest";
import { clusterPaths } from "./data-folder.ts";

it("keeps two clusters' folders, sockets and control groups apart", () => {
  expect(clusterPaths("/var/lib/kubets/", true)).toMatchObject({ data: "/var/lib/kubets", run: "/run/kubets", cgroup: "/kubets" });
  const other = clusterPaths("/home/me/a cluster", true);
  expect(other).toMatchObject({ run: "/run/kubets-home-me-a-cluster", cgroup: "/kubets-home-me-a-cluster", store: "/home/me/a cluster/store" });
  expect(clusterPaths("/home/me/.local/share/kubets", false).lock).toBe("/home/me/.local/share/kubets/run/kubets.lock");
});

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { clusterPaths } from "../data-folder.ts";
import { type ClusterOptions, DEFAULT_OPTIONS } from "../options.ts";
import { nodePaths } from "./node-record.ts";
import { createNode, givenAddresses, removeNodeFolder } from "./node-records.host.ts";

test("a node is vouched for with the addresses it was given, whatever its disk says", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "kubets-records-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const paths = clusterPaths(dataDir);
  const cluster: ClusterOptions = { ...DEFAULT_OPTIONS, dataDir, nodeName: "first" };
  await createNode(paths, cluster, { nodeName: "a" });
  await createNode(paths, cluster, { nodeName: "b" });
  const { record } = nodePaths(paths, "b");
  await writeFile(record, (await readFile(record, "utf8")).replaceAll("10.245.0.3", "10.245.0.1"));
  expect(await givenAddresses(paths, cluster, "b")).toEqual(["10.245.0.3"]);
  await removeNodeFolder(paths, "a");
  expect(await givenAddresses(paths, cluster, "a")).toBeUndefined();
});

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { clusterPaths } from "../data-folder.ts";
import { rememberImages } from "../images/loaded-images.host.ts";
import { type ClusterOptions, DEFAULT_OPTIONS, OptionsError } from "../options.ts";
import { nodePaths } from "./node-record.ts";
import { createNode, givenAddresses, readNodes, refreshNode, removeNodeFolder } from "./node-records.host.ts";

async function openPaths() {
  const dataDir = await mkdtemp(join(tmpdir(), "kubets-records-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const cluster: ClusterOptions = { ...DEFAULT_OPTIONS, dataDir, nodeName: "first" };
  return { dataDir, paths: clusterPaths(dataDir), cluster };
}

test("a node is vouched for with the addresses it was given, whatever its disk says", async () => {
  const { paths, cluster } = await openPaths();
  await createNode(paths, cluster, { nodeName: "a" });
  await createNode(paths, cluster, { nodeName: "b" });
  const { record } = nodePaths(paths, "b");
  await writeFile(record, (await readFile(record, "utf8")).replaceAll("10.245.0.3", "10.245.0.1"));
  expect(await givenAddresses(paths, cluster, "b")).toEqual(["10.245.0.3"]);
  await removeNodeFolder(paths, "a");
  expect(await givenAddresses(paths, cluster, "a")).toBeUndefined();
});

test("a node's name and number are what this machine gave it, whatever its disk says", async () => {
  const { dataDir, paths, cluster } = await openPaths();
  const made = await createNode(paths, cluster, { nodeName: "a" });
  await createNode(paths, cluster, { nodeName: "b" });
  const { record } = nodePaths(paths, "a");
  await writeFile(record, JSON.stringify({ ...made, name: "../..", number: "../../keep", own: { nodeName: "../.." } }));
  const [read] = await readNodes(paths);
  expect(read).toMatchObject({ name: "a", number: 2, own: { nodeName: "a" } });
  await mkdir(join(dataDir, "keep"));
  for (const name of ["../..", "..", "", ".numbers"]) await expect(removeNodeFolder(paths, name)).rejects.toThrow(OptionsError);
  await removeNodeFolder(paths, read?.name ?? "");
  expect((await readNodes(paths)).map(({ name }) => name)).toEqual(["b"]);
  expect(await createNode(paths, cluster, { nodeName: "c" })).toMatchObject({ number: 2 });
});

test("what is written to a node's disk follows no links that the node left there", async () => {
  const { dataDir, paths, cluster } = await openPaths();
  const made = await createNode(paths, cluster, { nodeName: "a" });
  const victim = join(dataDir, "victim");
  await writeFile(victim, "mine\n");
  const { record, loadedImages } = nodePaths(paths, "a");
  for (const file of [record, loadedImages]) {
    await rm(file, { force: true });
    await symlink(victim, file);
  }
  await symlink(victim, `${record}.next`);
  await refreshNode(paths, cluster, made);
  await rememberImages(nodePaths(paths, "a"), ["x:1"]);
  expect(await readFile(victim, "utf8")).toBe("mine\n");
  expect((await readNodes(paths)).map(({ name }) => name)).toEqual(["a"]);
});

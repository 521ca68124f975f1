// Records what upstream's API server answers to the cases of `test/upstream/`, for the tests that compare ours with it:
//
//   UPSTREAM_BIN=/folder/with/kube-apiserver node scripts/run.mjs scripts/record-upstream.ts
//
// Needs upstream's kube-apiserver and kubectl of the version that kubets follows in $UPSTREAM_BIN, and etcd and openssl on the PATH. The
// session with kubectl is recorded with that kubectl and with the one on the PATH, each on a server of its own; not at all with the argument
// `requests`. Not part of `npm test`, which only reads the recordings.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { installedKubectl } from "../test/e2e/kubectl.host.ts";
import { recordingText } from "../test/upstream/answer.ts";
import { scenarios } from "../test/upstream/cases/index.ts";
import { outputsText } from "../test/upstream/kubectl/output.ts";
import { minorOf, recordKubectl } from "../test/upstream/kubectl/recorder.host.ts";
import { recordScenarios } from "../test/upstream/recorder.host.ts";
import { startUpstream } from "../test/upstream/upstream-server.host.ts";

const folderOfPrograms = process.env["UPSTREAM_BIN"] ?? "";
if (folderOfPrograms === "") {
  console.error("UPSTREAM_BIN must name the folder of upstream's kube-apiserver");
  process.exit(2);
}
const folder = join("test", "upstream", "recorded");

async function onUpstream<T>(record: (server: string) => Promise<ReadonlyMap<string, T>>): Promise<ReadonlyMap<string, T>> {
  const upstream = await startUpstream(folderOfPrograms);
  try {
    return await record(upstream.server);
  } finally {
    await upstream.stop();
  }
}

const answers = await onUpstream((server) => recordScenarios(server, scenarios));
writeFileSync(join(folder, "requests.json"), recordingText(answers));
console.log(`recorded ${answers.size} answers`);
if (process.argv.includes("requests")) process.exit(0);
const kubectls = [join(folderOfPrograms, "kubectl"), installedKubectl()].filter((program) => program !== undefined);
for (const program of kubectls) {
  const outputs = await onUpstream((server) => recordKubectl(program, server));
  const minor = await minorOf(program);
  writeFileSync(join(folder, `kubectl-1.${minor}.json`), outputsText(outputs));
  console.log(`recorded ${outputs.size} outputs of kubectl 1.${minor}`);
}

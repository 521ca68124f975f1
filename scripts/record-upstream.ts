// Records what upstream's API server answers to the cases of `test/upstream/`, for the tests that compare ours with it:
//
//   UPSTREAM_BIN=/folder/with/kube-apiserver node scripts/run.mjs scripts/record-upstream.ts
//
// Needs upstream's kube-apiserver and kubectl of the version that kubets follows in $UPSTREAM_BIN, and etcd and openssl on the PATH. Not
// part of `npm test`, which only reads the recordings.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordingText } from "../test/upstream/answer.ts";
import { scenarios } from "../test/upstream/cases/index.ts";
import { recordScenarios } from "../test/upstream/recorder.host.ts";
import { startUpstream } from "../test/upstream/upstream-server.host.ts";

const programs = process.env["UPSTREAM_BIN"];
if (programs === undefined) {
  console.error("UPSTREAM_BIN must name the folder of upstream's kube-apiserver");
  process.exit(2);
}
const folder = join("test", "upstream", "recorded");
const upstream = await startUpstream(programs);
try {
  const recording = await recordScenarios(upstream.server, scenarios);
  writeFileSync(join(folder, "requests.json"), recordingText(recording));
  console.log(`recorded ${recording.size} answers`);
} finally {
  await upstream.stop();
}

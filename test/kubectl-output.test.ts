// What kubectl prints with our API server is what it printed with upstream's when that was recorded (`scripts/record-upstream.ts`): a
// session of every command that needs no more than an API server. Compared where the kubectl at hand is of a version that there is a
// recording of.
//
// `kubectl-differences.ts` lists the commands that print something else, with the reason; one that is listed and prints the same fails too.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Listener, listen } from "../src/apiserver/index.host.ts";
import { createApiServer } from "../src/apiserver/index.ts";
import { createSystemEnv } from "../src/base/index.host.ts";
import { createPki } from "../src/kubeadm/index.ts";
import { createMemoryStore } from "../src/store/index.ts";
import { installedKubectl } from "./e2e/kubectl.host.ts";
import { commandsFor } from "./upstream/kubectl/commands.ts";
import { isInAnyOrder, kubectlDifference } from "./upstream/kubectl/differences.ts";
import type { Output } from "./upstream/kubectl/output.ts";
import { type KubectlRecorder, kubectlRecorder, minorOf } from "./upstream/kubectl/recorder.host.ts";
import { TOKENS } from "./upstream/recorder.host.ts";

const program = installedKubectl();
const minor = program === undefined ? 0 : await minorOf(program);
const file = join(import.meta.dirname, `upstream/recorded/kubectl-1.${minor}.json`);
/** A kubectl works for a moment and waits for a moment. */
const READERS = 4;
const { groups, lacking } = commandsFor(minor);

describe.skipIf(program === undefined || !existsSync(file))(`kubectl 1.${minor} prints what it prints with upstream's API server`, () => {
  let recorded: Readonly<Record<string, Output>>;
  let recorder: KubectlRecorder;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    recorded = JSON.parse(readFileSync(file, "utf8"));
    const served = await startServer();
    stop = served.stop;
    recorder = kubectlRecorder(program ?? "", `https://127.0.0.1:${served.listener.port}`);
    if (lacking.length > 0) console.log(`kubectl 1.${minor} lacks ${lacking.length} commands: ${lacking.join("; ")}`);
  });
  afterAll(async () => {
    recorder.dispose();
    await stop();
  });

  // In order, on one server: a command finds what those before it left.
  for (const { name: group, isReading, lines } of groups)
    it(group, { timeout: 300_000 }, async () => {
      const unforeseen: string[] = [];
      const waiting = [...lines];
      const compareAll = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const [name, line] = next;
          const ours = await recorder.run(line);
          const isSame = comparable(name, ours) === comparable(name, recorded[name]);
          if (isSame === (kubectlDifference(name) !== undefined)) unforeseen.push(report(name, ours, recorded[name]));
        }
      };
      // What only reads need not wait for what reads before it.
      await Promise.all(Array.from({ length: isReading ? READERS : 1 }, compareAll));
      expect(unforeseen.join("\n\n")).toBe("");
    });

  it("compares every command that was recorded", () => {
    expect(Object.keys(recorded)).toEqual(groups.flatMap(({ lines }) => [...lines.keys()]));
  });
});

async function startServer(): Promise<{ readonly listener: Listener; readonly stop: () => Promise<void> }> {
  const env = createSystemEnv({ logLevel: "silent" });
  const pki = await createPki(env, { nodeName: "localhost", nodeIps: ["127.0.0.1"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" });
  const admin = { name: "admin", uid: "1", groups: ["system:masters", "system:authenticated"] };
  const advertise = { address: "192.0.2.2", port: 16443 };
  const server = createApiServer(env, { store: createMemoryStore(env), staticTokens: new Map([[TOKENS.admin, admin]]), advertise });
  await server.start();
  const listener = await listen(env, server, { host: "127.0.0.1", port: 0, tls: { certificate: pki.apiServer.certificate, privateKey: pki.apiServer.key } });
  const stop = async (): Promise<void> => {
    await server.stop();
    await listener.close();
  };
  return { listener, stop };
}

function comparable(name: string, output: Output | undefined): string {
  return JSON.stringify(output !== undefined && isInAnyOrder(name) ? { ...output, stdout: [...output.stdout].sort() } : output);
}

function report(name: string, ours: Output, upstream: Output | undefined): string {
  if (upstream === undefined) return `${name}\n  is not recorded`;
  const lines = (["stdout", "stderr"] as const).flatMap((stream) => difference(upstream[stream], ours[stream]));
  if (ours.code !== upstream.code) lines.unshift(`  exits with ${ours.code}, with upstream's ${upstream.code}`);
  return [name, ...(lines.length === 0 ? ["  is as with upstream's, though listed as different"] : lines)].join("\n");
}

/** From the first line that differs to the last: - as with upstream's, + as with ours. */
function difference(upstream: readonly string[], ours: readonly string[]): string[] {
  const shorter = Math.min(upstream.length, ours.length);
  let start = 0;
  while (start < shorter && upstream[start] === ours[start]) start++;
  let end = 0;
  while (end < shorter - start && upstream.at(-1 - end) === ours.at(-1 - end)) end++;
  return [...upstream.slice(start, upstream.length - end).map((line) => `  - ${line}`), ...ours.slice(start, ours.length - end).map((line) => `  + ${line}`)];
}

// A cluster for the tests on this machine, driven through the same command line that users type.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Kubectl, kubectlFor, type Run, runProgram } from "./kubectl.host.ts";

/** Tests and benchmarks run from the root of the checkout. */
const LAUNCHER = join(process.cwd(), "kubets");
const START_TIMEOUT_MS = 300_000;

export interface TestCluster {
  readonly kubectl: Kubectl;
  readonly dataDirectory: string;
  readonly kubeconfig: string;
  /** Runs `./kubets ARGUMENTS`; throws when it fails. Gives standard output. */
  kubets(...args: string[]): Promise<string>;
  /** The same, whatever the exit code. */
  tryKubets(...args: string[]): Promise<Run>;
  start(): Promise<string>;
  /** Deletes the cluster and the folders made for it. */
  dispose(): Promise<void>;
}

export function testCluster(): TestCluster {
  const folder = mkdtempSync(join(tmpdir(), "kubets-e2e-"));
  const dataDirectory = join(folder, "data");
  const kubeconfig = join(folder, "kubeconfig");
  const env = { ...process.env, KUBECONFIG: kubeconfig, KUBETS_DATA_DIR: dataDirectory, NO_COLOR: "1" };
  const tryKubets = (...args: string[]): Promise<Run> => runProgram({ program: LAUNCHER, args, env, timeoutMs: START_TIMEOUT_MS });
  const kubets = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await tryKubets(...args);
    if (code !== 0) throw new Error(`kubets ${args.join(" ")} exited with ${code}\n${stderr}${stdout}`);
    return stdout;
  };
  return {
    kubectl: kubectlFor(kubeconfig),
    dataDirectory,
    kubeconfig,
    tryKubets,
    kubets,
    start: () => kubets("start"),
    dispose: async () => {
      if (existsSync(dataDirectory)) await kubets("delete");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks until `holds`, for what a user would wait for too. Throws with the last answer after `limitMs`. */
export async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean, limitMs = 60_000): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (performance.now() > endMs)
      throw new Error(`still not so after ${limitMs} ms; the last answer was:\n${typeof answer === "string" ? answer : JSON.stringify(answer, undefined, 2)}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

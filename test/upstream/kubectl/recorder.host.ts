// Runs the session with an unmodified kubectl on a server.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runProgram } from "../../e2e/kubectl.host.ts";
import { TOKENS } from "../recorder.host.ts";
import { commandsFor } from "./commands.ts";
import { type Output, outputOf } from "./output.ts";

const MANIFESTS = resolve("test/upstream/kubectl/manifests");

export interface KubectlRecorder {
  run(line: string): Promise<Output>;
  dispose(): void;
}

/** As the superuser of `TOKENS`; `program` is called `kubectl` in the lines. */
export function kubectlRecorder(program: string, server: string): KubectlRecorder {
  const home = mkdtempSync(join(tmpdir(), "kubets-kubectl-"));
  const programs = join(home, "bin");
  mkdirSync(programs);
  symlinkSync(program, join(programs, "kubectl"));
  const kubeconfig = join(home, "config");
  writeFileSync(kubeconfig, JSON.stringify(configFor(server)));
  const env = { PATH: `${programs}:${process.env["PATH"] ?? ""}`, HOME: home, KUBECONFIG: kubeconfig, LC_ALL: "C", TZ: "UTC" };
  return {
    run: async (line) => outputOf(line, await runProgram({ program: "sh", args: ["-c", `cd "$0" && ${line}`, MANIFESTS], env })),
    dispose: () => rmSync(home, { recursive: true, force: true }),
  };
}

function configFor(server: string): unknown {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "one", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "admin", user: { token: TOKENS.admin } }],
    contexts: [{ name: "one", context: { cluster: "one", user: "admin" } }],
    "current-context": "one",
  };
}

export async function minorOf(program: string): Promise<number> {
  const { stdout } = await runProgram({ program, args: ["version", "--client", "-o", "json"] });
  const { clientVersion } = JSON.parse(stdout) as { readonly clientVersion: { readonly minor: string } };
  return Number.parseInt(clientVersion.minor, 10);
}

/** Outputs by the command's name. */
export async function recordKubectl(program: string, server: string): Promise<ReadonlyMap<string, Output>> {
  const recorder = kubectlRecorder(program, server);
  const outputs = new Map<string, Output>();
  try {
    for (const { lines } of commandsFor(await minorOf(program)).groups) for (const [name, line] of lines) outputs.set(name, await recorder.run(line));
  } finally {
    recorder.dispose();
  }
  return outputs;
}

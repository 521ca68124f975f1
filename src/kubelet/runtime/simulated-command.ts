// What a simulated container does when no behaviour is given: a few commands that tests and examples use are understood,
// everything else runs until it is stopped. Understood are `sleep N`, `exit N`, `true`, `false` and `echo WORDS`, alone or
// under `sh -c` joined by `;` or `&&`. A script that holds anything else counts as a server and runs on.
import type { SimulatedBehaviour } from "./simulated.ts";

const SHELLS: readonly string[] = ["sh", "/bin/sh", "bash", "/bin/bash"];

export function scriptedBehaviour(command: readonly string[]): SimulatedBehaviour {
  const [program = "", flag = "", script = ""] = command;
  const steps = SHELLS.includes(program) && flag.startsWith("-") && flag.includes("c") ? script.split(/;|&&/) : [command.join(" ")];
  const output: string[] = [];
  let elapsedMs = 0;
  for (const step of steps) {
    const [name = "", ...rest] = step.trim().split(/\s+/);
    const argument = rest[0] ?? "";
    if (name === "") continue;
    if (name === "echo") output.push(unquote(rest.join(" ")));
    else if (name === "true" || name === ":") continue;
    else if (name === "false") return { exitAfterMs: elapsedMs, exitCode: 1, output };
    else if (name === "exit") return { exitAfterMs: elapsedMs, exitCode: Number(argument === "" ? 0 : argument), output };
    else if (name === "sleep" && Number.isFinite(Number.parseFloat(argument))) elapsedMs += Number.parseFloat(argument) * 1000;
    else return { output };
  }
  return steps.every((step) => step.trim() === "") ? {} : { exitAfterMs: elapsedMs, exitCode: 0, output };
}

function unquote(text: string): string {
  return text.replace(/^(["'])(.*)\1$/, "$2");
}

// What the built bundle offers: the command line and the library, in one file that shares everything. Each is evaluated when it is called
// for, and so is each command's own code.

/** Runs the command that the process was started with. */
export async function runCommandLine(): Promise<void> {
  const { runCommandLine: run } = await import("./main.ts");
  await run();
}

/** What `import ... from "kubets"` gives. At once, so that the package can be required too, hence no `import()`. */
export function library(): typeof import("../cluster/index.ts") {
  return require("../cluster/index.ts");
}

// Lines that tell a person what is going on, each with the seconds since the command began. On standard error, so that
// standard output stays for results.
import pc from "picocolors";

export interface Progress {
  /** Something has been done or begun. */
  step(text: string): void;
  warn(text: string): void;
}

export function createProgress(): Progress {
  const startMs = performance.now();
  const print = (text: string): void => {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(2).padStart(6);
    process.stderr.write(`${pc.dim(`${seconds}s`)}  ${text}\n`);
  };
  return { step: print, warn: (text) => print(pc.yellow(text)) };
}

/** A failure that the user can mend: printed without a stack. */
export class UserError extends Error {
  override readonly name = "UserError";
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

// What the detached process tells the command that started it, over the channel between them.

export type DaemonMessage =
  | { readonly type: "progress"; readonly text: string }
  | { readonly type: "ready"; readonly problem: string }
  | { readonly type: "failed"; readonly message: string };

/** What the detached process writes about itself into `state.json`. */
export interface DaemonState {
  readonly pid: number;
  readonly phase: "starting" | "running" | "stopping";
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly apiPort: number;
}

// The numbers that CRI gives to signal names: not Linux's numbers but the alphabetical order of CRI's `Signal` enumeration
// (https://github.com/kubernetes/cri-api, KEP-4960), the real-time signals last.
const named =
  "SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ".split(
    " ",
  );

const realTime = [
  "SIGRTMIN",
  ...Array.from({ length: 15 }, (_, index) => `SIGRTMINPLUS${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `SIGRTMAXMINUS${14 - index}`),
  "SIGRTMAX",
];

const numbers: ReadonlyMap<string, number> = new Map([...named, ...realTime].map((name, index) => [name, index + 1]));

/** CRI's number of a Kubernetes signal name such as `SIGUSR1` or `SIGRTMIN+3`; 0, the runtime's default, for others. */
export function signalNumber(name: string): number {
  return numbers.get(name.replace("+", "PLUS").replace("-", "MINUS")) ?? 0;
}

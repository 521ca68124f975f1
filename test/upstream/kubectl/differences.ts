// Where kubectl prints something else with our API server, and why.

interface Difference {
  readonly reason: string;
  /** Names of commands. */
  readonly commands: RegExp;
}

const DIFFERENCES: readonly Difference[] = [
  {
    reason: "aggregated roles hold their rules from the start; with upstream's a controller fills them in, which a bare API server lacks",
    commands: /^kubectl describe clusterrole view$/,
  },
  {
    reason: "a list that was never set is an empty one; upstream's null is the same to every client",
    commands: /^kubectl get hpa\S* web -o yaml$/,
  },
];

/** The reason why a command prints something else. */
export function kubectlDifference(name: string): string | undefined {
  return DIFFERENCES.find(({ commands }) => commands.test(name))?.reason;
}

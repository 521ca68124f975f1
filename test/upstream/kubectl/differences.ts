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

/** kubectl prints the entries of these in the order in which its memory happens to hold them: only which lines there are can be compared. */
export function isInAnyOrder(name: string): boolean {
  return /^kubectl describe (configmaps?|cm|secrets?)\b/.test(name);
}

// The order of API versions: stable before beta before alpha, newer before older, names of another form last
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority).

const VERSION = /^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?$/;
const STAGES: readonly (string | undefined)[] = [undefined, "beta", "alpha"];

/** Negative when `a` is preferred over `b`. */
export function compareVersions(a: string, b: string): number {
  const left = VERSION.exec(a);
  const right = VERSION.exec(b);
  if (left === null || right === null) return left === right ? (a < b ? -1 : a > b ? 1 : 0) : left === null ? 1 : -1;
  const stage = STAGES.indexOf(left[2]) - STAGES.indexOf(right[2]);
  if (stage !== 0) return stage;
  return Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0);
}

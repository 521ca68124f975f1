// One constraint of a LimitRange on one resource, and what is said when it does not hold
// (https://kubernetes.io/docs/concepts/policy/limit-range/).
import type { ResourceAmounts } from "../../api/index.ts";
import { parseQuantity, type Quantity } from "../../base/index.ts";

export interface Usage {
  readonly requests: ResourceAmounts;
  readonly limits: ResourceAmounts;
}

type Bounds = Readonly<Record<string, string>> | undefined;
type Check = (resource: string, bound: Quantity, usage: Usage) => string | undefined;

/** The problems of `usage` with the bounds of one item of a LimitRange. `type` is its type, as messages say it. */
export function constraintProblems(
  type: string,
  item: { readonly min?: Bounds; readonly max?: Bounds; readonly maxLimitRequestRatio?: Bounds },
  usage: Usage,
): string[] {
  return [
    ...problemsOf(item.min, minimum(type), usage),
    ...problemsOf(item.max, maximum(type), usage),
    ...problemsOf(item.maxLimitRequestRatio, ratio(type), usage),
  ];
}

/** Claims have no limits: their requests must keep both bounds. */
export function claimProblems(type: string, item: { readonly min?: Bounds; readonly max?: Bounds }, usage: Usage): string[] {
  return [...problemsOf(item.min, minimum(type), usage), ...problemsOf(item.max, maximumRequest(type), usage)];
}

function problemsOf(bounds: Bounds, check: Check, usage: Usage): string[] {
  return Object.entries(bounds ?? {}).flatMap(([resource, text]) => check(resource, parseQuantity(text), usage) ?? []);
}

function minimum(type: string): Check {
  return (resource, bound, { requests, limits }) => {
    const [request, limit] = [requests.get(resource), limits.get(resource)];
    const rule = `minimum ${resource} usage per ${type} is ${bound}`;
    if (request === undefined) return `${rule}.  No request is specified`;
    if (request.compare(bound) < 0) return `${rule}, but request is ${request}`;
    return limit !== undefined && limit.compare(bound) < 0 ? `${rule}, but limit is ${limit}` : undefined;
  };
}

function maximum(type: string): Check {
  return (resource, bound, { requests, limits }) => {
    const [request, limit] = [requests.get(resource), limits.get(resource)];
    const rule = `maximum ${resource} usage per ${type} is ${bound}`;
    if (limit === undefined) return `${rule}.  No limit is specified`;
    if (limit.compare(bound) > 0) return `${rule}, but limit is ${limit}`;
    return request !== undefined && request.compare(bound) > 0 ? `${rule}, but request is ${request}` : undefined;
  };
}

function maximumRequest(type: string): Check {
  return (resource, bound, { requests }) => {
    const request = requests.get(resource);
    const rule = `maximum ${resource} usage per ${type} is ${bound}`;
    if (request === undefined) return `${rule}.  No request is specified`;
    return request.compare(bound) > 0 ? `${rule}, but request is ${request}` : undefined;
  };
}

function ratio(type: string): Check {
  return (resource, bound, { requests, limits }) => {
    const [request, limit] = [requests.get(resource), limits.get(resource)];
    const rule = `${resource} max limit to request ratio per ${type} is ${bound}`;
    if (request === undefined || request.isZero()) return `${rule}, but no request is specified or request is 0`;
    if (limit === undefined || limit.isZero()) return `${rule}, but no limit is specified or limit is 0`;
    const actual = limit.milliValue() / request.milliValue();
    return actual * 1000 > bound.milliValue() ? `${rule}, but provided ratio is ${actual.toFixed(6)}` : undefined;
  };
}

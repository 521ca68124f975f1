// LimitRanges and ResourceQuotas (https://kubernetes.io/docs/concepts/policy/resource-quotas/).
import { parseQuantity, type Quantity } from "../../base/index.ts";
import { duplicate, type FieldError, FieldPath, forbidden, invalid, required } from "../field-errors.ts";
import type { LimitRange, LimitRangeItem, ResourceQuota } from "../generated/types.ts";
import { sameValue } from "../immutable.ts";
import { checkQualifiedName } from "../names.ts";
import {
  checkContainerResourceName,
  checkQuantity,
  checkResourceName,
  isOvercommitAllowed,
  isQuotaHugePages,
  standardQuotaResources,
} from "./resource-validation.ts";

const SPEC = FieldPath.root("spec");
type Amounts = Readonly<Record<string, string>>;

function checkItemResource(path: FieldPath, type: string, name: string): FieldError[] {
  if (type === "Pod" || type === "Container") return checkContainerResourceName(path, name);
  return checkResourceName(path, name);
}

/** Of two amounts the first must not be the larger. */
function checkOrder(
  path: FieldPath,
  [lowName, low]: readonly [string, Quantity | undefined],
  [highName, high]: readonly [string, Quantity | undefined],
  shown: Quantity | undefined,
): FieldError[] {
  if (low === undefined || high === undefined || low.compare(high) <= 0) return [];
  return [invalid(path, shown?.toString(), `${lowName} ${low.toString()} is greater than ${highName} ${high.toString()}`)];
}

function checkItemBounds(path: FieldPath, item: LimitRangeItem, name: string): FieldError[] {
  const amount = (list: Amounts | undefined): Quantity | undefined => (list?.[name] === undefined ? undefined : parseQuantity(list[name] ?? "0"));
  const isPod = item.type === "Pod";
  const [min, max, ratio] = [amount(item.min), amount(item.max), amount(item.maxLimitRequestRatio)];
  const [limit, request] = isPod ? [undefined, undefined] : [amount(item.default), amount(item.defaultRequest)];
  const at = { min: path.child("min").key(name), request: path.child("defaultRequest").key(name), limit: path.child("default").key(name) };
  const errors = [
    ...checkOrder(at.min, ["min value", min], ["max value", max], min),
    ...checkOrder(at.request, ["min value", min], ["default request value", request], request),
    ...checkOrder(at.request, ["default request value", request], ["max value", max], request),
    ...checkOrder(at.request, ["default request value", request], ["default limit value", limit], request),
    ...checkOrder(at.limit, ["min value", min], ["default value", limit], min),
    ...checkOrder(at.limit, ["default value", limit], ["max value", max], max),
  ];
  const ratioPath = path.child("maxLimitRequestRatio").key(name);
  if (ratio !== undefined && ratio.compare(parseQuantity("1")) < 0)
    errors.push(invalid(ratioPath, ratio.toString(), `ratio ${ratio.toString()} is less than 1`));
  if (ratio !== undefined && min !== undefined && max !== undefined) {
    const most = max.milliValue() / min.milliValue();
    if (ratio.milliValue() / 1000 > most) {
      errors.push(invalid(ratioPath, ratio.toString(), `ratio ${ratio.toString()} is greater than max/min = ${most.toFixed(6)}`));
    }
  }
  if (!isOvercommitAllowed(name) && limit !== undefined && request !== undefined && limit.compare(request) !== 0) {
    errors.push(
      invalid(at.request, request.toString(), `default value ${limit.toString()} must equal to defaultRequest value ${request.toString()} in ${name}`),
    );
  }
  return errors;
}

function checkLimit(path: FieldPath, item: LimitRangeItem): FieldError[] {
  const lists = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const;
  const errors: FieldError[] = [];
  const standard = ["Pod", "Container", "PersistentVolumeClaim"];
  errors.push(...checkQualifiedName(item.type).map((problem) => invalid(path.child("type"), item.type, problem)));
  if (item.type !== "" && !item.type.includes("/") && !standard.includes(item.type)) {
    errors.push(invalid(path.child("type"), item.type, "must be a standard limit type or fully qualified"));
  }
  const names = new Set<string>();
  for (const list of lists) {
    const amounts = Object.keys(item[list] ?? {});
    if (item.type === "Pod" && (list === "default" || list === "defaultRequest")) {
      if (amounts.length > 0) errors.push(forbidden(path.child(list), "may not be specified when `type` is 'Pod'"));
      continue;
    }
    for (const name of amounts) {
      errors.push(...checkItemResource(path.child(list).key(name), item.type, name));
      names.add(name);
    }
  }
  if (item.type === "PersistentVolumeClaim" && item.min?.["storage"] === undefined && item.max?.["storage"] === undefined) {
    errors.push(required(path.child("limits"), "either minimum or maximum storage value is required, but neither was provided"));
  }
  return [...errors, ...[...names].flatMap((name) => checkItemBounds(path, item, name))];
}

export function validateLimitRange({ spec }: LimitRange): FieldError[] {
  const seen = new Set<string>();
  return (spec.limits ?? []).flatMap((item, position) => {
    const path = SPEC.child("limits").index(position);
    const errors = checkLimit(path, item);
    if (seen.has(item.type)) errors.push(duplicate(path.child("type"), item.type));
    seen.add(item.type);
    return errors;
  });
}

const POD_SCOPES: readonly string[] = ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating"];
const SCOPES: readonly string[] = [...POD_SCOPES, "PriorityClass", "CrossNamespacePodAffinity", "VolumeAttributesClass"];
const CLAIM_RESOURCES: readonly string[] = ["requests.storage", "persistentvolumeclaims"];

/** Which resources a scope can be told of. */
function scopeFits(scope: string, resource: string): boolean {
  const isPodResource = resource === "pods" || /^((requests|limits)\.)?(cpu|memory)$/.test(resource);
  if (scope === "BestEffort") return resource === "pods";
  if (scope === "VolumeAttributesClass") return CLAIM_RESOURCES.includes(resource);
  return isPodResource;
}

function isStandardQuotaResource(name: string): boolean {
  return standardQuotaResources.includes(name) || isQuotaHugePages(name);
}

function conflicting(scopes: ReadonlySet<string>): boolean {
  return (scopes.has("BestEffort") && scopes.has("NotBestEffort")) || (scopes.has("Terminating") && scopes.has("NotTerminating"));
}

function checkScopes(path: FieldPath, shown: unknown, scopes: readonly string[], hard: readonly string[]): FieldError[] {
  return scopes.flatMap((scope) => {
    const unfit = hard.filter((name) => isStandardQuotaResource(name) && !scopeFits(scope, name));
    return unfit.map(() => invalid(path, shown, "unsupported scope applied to resource"));
  });
}

function checkScopeSelector({ spec }: ResourceQuota): FieldError[] {
  const path = SPEC.child("scopeSelector", "matchExpressions");
  const terms = spec.scopeSelector?.matchExpressions ?? [];
  const errors = terms.flatMap(({ scopeName, operator, values = [] }) => {
    const own = SCOPES.includes(scopeName) ? [] : [invalid(path.child("scopeName"), scopeName, "unsupported scope")];
    own.push(...checkScopes(path, spec.scopeSelector, [scopeName], Object.keys(spec.hard ?? {})));
    if ((POD_SCOPES.includes(scopeName) || scopeName === "CrossNamespacePodAffinity") && operator !== "Exists") {
      const text =
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      own.push(invalid(path.child("operator"), operator, text));
    }
    if (operator === "In" || operator === "NotIn") {
      if (values.length === 0) own.push(required(path.child("values"), "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"));
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (values.length > 0)
        own.push(invalid(path.child("values"), values, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"));
    } else own.push(invalid(path.child("operator"), operator, "not a valid selector operator"));
    return own;
  });
  return conflicting(new Set(terms.map(({ scopeName }) => scopeName))) ? [...errors, invalid(path, spec.scopes ?? null, "conflicting scopes")] : errors;
}

function checkAmounts(path: FieldPath, amounts: Amounts | undefined): FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, quantity]) => {
    const at = path.key(name);
    const errors = checkResourceName(at, name);
    if (!name.includes("/") && !isStandardQuotaResource(name)) errors.push(invalid(at, name, "must be a standard resource for quota"));
    return [...errors, ...checkQuantity(at, name, quantity)];
  });
}

export function validateResourceQuota(quota: ResourceQuota): FieldError[] {
  const { spec } = quota;
  const scopes = spec.scopes ?? [];
  const path = SPEC.child("scopes");
  return [
    ...checkAmounts(SPEC.child("hard"), spec.hard),
    ...scopes.filter((scope) => !SCOPES.includes(scope)).map(() => invalid(path, scopes, "unsupported scope")),
    ...checkScopes(path, scopes, scopes, Object.keys(spec.hard ?? {})),
    ...(conflicting(new Set(scopes)) ? [invalid(path, scopes, "conflicting scopes")] : []),
    ...checkScopeSelector(quota),
  ];
}

export function validateResourceQuotaUpdate(quota: ResourceQuota, old: ResourceQuota): FieldError[] {
  const sorted = (scopes: readonly string[] | undefined): readonly string[] => [...new Set(scopes)].sort();
  const same = sameValue(sorted(quota.spec.scopes), sorted(old.spec.scopes));
  return [...validateResourceQuota(quota), ...(same ? [] : [invalid(SPEC.child("scopes"), quota.spec.scopes ?? [], "field is immutable")])];
}

export function validateResourceQuotaStatusUpdate({ status }: ResourceQuota): FieldError[] {
  const path = FieldPath.root("status");
  return [...checkAmounts(path.child("hard"), status?.hard), ...checkAmounts(path.child("used"), status?.used)];
}

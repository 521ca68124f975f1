// What may stand in the kinds of API priority and fairness
// (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/).
import { checkText } from "../field-checks.ts";
import { type FieldError, FieldPath, forbidden, invalid, notSupported, required } from "../field-errors.ts";
import type { FlowSchema, LimitResponse, PriorityLevelConfiguration, QueuingConfiguration } from "../generated/types.ts";
import { checkDnsSubdomain } from "../names.ts";

const SPEC = FieldPath.root("spec");
const EXEMPT = "exempt";
const MAX_PRECEDENCE = 10_000;
const MAX_QUEUES = 10_000_000;

export function validateFlowSchema({ metadata, spec }: FlowSchema): FieldError[] {
  const { matchingPrecedence: precedence = 0, distinguisherMethod, priorityLevelConfiguration, rules = [] } = spec ?? {};
  const at = SPEC.child("matchingPrecedence");
  const errors: FieldError[] = [];
  if (precedence <= 0) errors.push(invalid(at, precedence, "must be a positive value"));
  if (precedence > MAX_PRECEDENCE) errors.push(invalid(at, precedence, `must not be greater than ${MAX_PRECEDENCE}`));
  if (precedence === 1 && metadata.name !== EXEMPT) errors.push(invalid(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  const methods = ["ByNamespace", "ByUser"];
  if (distinguisherMethod !== undefined && !methods.includes(distinguisherMethod.type)) {
    errors.push(notSupported(SPEC.child("distinguisherMethod").child("type"), distinguisherMethod, methods));
  }
  const level = SPEC.child("priorityLevelConfiguration").child("name");
  const name = priorityLevelConfiguration?.name ?? "";
  errors.push(...(name === "" ? [required(level, "must reference a priority level")] : checkText(level, name, checkDnsSubdomain)));
  for (const [position, { subjects = [], resourceRules = [], nonResourceRules = [] }] of rules.entries()) {
    const path = SPEC.child("rules").index(position);
    if (subjects.length === 0) errors.push(required(path.child("subjects"), "subjects must contain at least one value"));
    if (resourceRules.length + nonResourceRules.length === 0)
      errors.push(required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"));
  }
  return errors;
}

export function validatePriorityLevel({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  const type = spec?.type ?? "";
  const errors: FieldError[] = [];
  if ((metadata.name === EXEMPT) !== (type === "Exempt")) errors.push(invalid(SPEC.child("type"), type, "must be 'Exempt' if and only if `name` is 'exempt'"));
  if (type === "Exempt") {
    if (spec.limited !== undefined) errors.push(forbidden(SPEC.child("limited"), "must be nil if the type is not Limited"));
    return [...errors, ...checkShares(SPEC.child("exempt"), spec.exempt)];
  }
  if (type === "") return [...errors, required(SPEC.child("type"))];
  if (type !== "Limited") return [...errors, notSupported(SPEC.child("type"), type, ["Exempt", "Limited"])];
  if (spec.exempt !== undefined) errors.push(forbidden(SPEC.child("exempt"), "must be nil if the type is Limited"));
  const path = SPEC.child("limited");
  if (spec.limited === undefined) return [...errors, required(path, "must not be empty when type is Limited")];
  const { borrowingLimitPercent: borrowing, limitResponse } = spec.limited;
  errors.push(...checkShares(path, spec.limited), ...checkLimitResponse(path.child("limitResponse"), limitResponse));
  if (borrowing !== undefined && borrowing < 0) {
    errors.push(invalid(path.child("borrowingLimitPercent"), borrowing, "if specified, must be a non-negative integer"));
  }
  return errors;
}

interface Shares {
  readonly nominalConcurrencyShares?: number;
  readonly lendablePercent?: number;
}

function checkShares(path: FieldPath, shares: Shares | undefined): FieldError[] {
  const { nominalConcurrencyShares: nominal = 0, lendablePercent: lendable = 0 } = shares ?? {};
  return [
    ...(nominal < 0 ? [invalid(path.child("nominalConcurrencyShares"), nominal, "must be a non-negative integer")] : []),
    ...(lendable < 0 || lendable > 100 ? [invalid(path.child("lendablePercent"), lendable, "must be between 0 and 100, inclusive")] : []),
  ];
}

function checkLimitResponse(path: FieldPath, response: LimitResponse | undefined): FieldError[] {
  const { type = "", queuing } = response ?? {};
  if (type === "") return [required(path.child("type"))];
  if (type === "Reject") return queuing === undefined ? [] : [forbidden(path.child("queuing"), "must be nil if limited.limitResponse.type is not Limited")];
  if (type !== "Queue") return [notSupported(path.child("type"), type, ["Queue", "Reject"])];
  if (queuing === undefined) return [required(path.child("queuing"), "must not be empty if limited.limitResponse.type is Limited")];
  return checkQueuing(path.child("queuing"), queuing);
}

function checkQueuing(path: FieldPath, { queueLengthLimit = 0, queues = 0, handSize = 0 }: QueuingConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0) errors.push(invalid(path.child("queueLengthLimit"), queueLengthLimit, "must be positive"));
  if (queues <= 0) errors.push(invalid(path.child("queues"), queues, "must be positive"));
  else if (queues > MAX_QUEUES) errors.push(invalid(path.child("queues"), queues, `must not be greater than ${MAX_QUEUES}`));
  if (handSize <= 0) errors.push(invalid(path.child("handSize"), handSize, "must be positive"));
  else if (handSize > queues) errors.push(invalid(path.child("handSize"), handSize, `should not be greater than queues (${queues})`));
  return errors;
}

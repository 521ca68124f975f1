// LimitRange (https://kubernetes.io/docs/concepts/policy/limit-range/): bounds and defaults of what one pod, container or claim may ask for.
import type { Mutable } from "../../base/index.ts";
import { createdAtColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { LimitRange } from "../generated/types.ts";
import { validateLimitRange } from "./quota-validation.ts";

export const limitRanges = kind<LimitRange>("v1", "LimitRange", {
  columns: [nameColumn(), createdAtColumn()],
  countsGeneration: false,
  createsOnUpdate: true,
  /** Without defaults of its own a container may use `max`, and asks for the default or for `min`. */
  defaults({ spec }: Mutable<LimitRange>): void {
    for (const item of spec.limits ?? []) {
      if (item.type !== "Container") continue;
      const most = { ...item.max, ...item.default };
      const asked = { ...item.min, ...most, ...item.defaultRequest };
      if (Object.keys(most).length > 0) item.default = most;
      if (Object.keys(asked).length > 0) item.defaultRequest = asked;
    }
  },
  validateCreate: validateLimitRange,
  validateUpdate: validateLimitRange,
});

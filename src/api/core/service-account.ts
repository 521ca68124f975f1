// ServiceAccount (https://kubernetes.io/docs/concepts/security/service-accounts/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ServiceAccount } from "../generated/types.ts";

export const serviceAccounts = kind<ServiceAccount>("v1", "ServiceAccount", { columns: [nameColumn(), ageColumn()], countsGeneration: false });

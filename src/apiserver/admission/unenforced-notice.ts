// Tells who writes an object that this server keeps but does not act on yet, by a warning with the answer: kubectl shows it.
// A kind leaves this list when what it asks for is built.
import {
  type APIService,
  apiServices,
  deviceClasses,
  type Kind,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  resourceClaims,
  resourceClaimTemplates,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from "../../api/index.ts";
import { isAbout } from "./denial.ts";
import type { AdmissionPlugin } from "./plugin.ts";

const POLICIES = "admission policies are not evaluated yet, and their CEL is not checked";
const DEVICES = "devices are not allocated yet, and the CEL of selectors is not checked";
const NOTICES: ReadonlyMap<Kind, string> = new Map<Kind, string>([
  [mutatingAdmissionPolicies, POLICIES],
  [mutatingAdmissionPolicyBindings, POLICIES],
  [validatingAdmissionPolicies, POLICIES],
  [validatingAdmissionPolicyBindings, POLICIES],
  [deviceClasses, DEVICES],
  [resourceClaims, DEVICES],
  [resourceClaimTemplates, DEVICES],
  [apiServices, "requests are not passed on to other API servers yet"],
]);

export const unenforcedNotice: AdmissionPlugin = {
  name: "UnenforcedNotice",
  validate(request) {
    const { operation, object } = request;
    if ((operation !== "CREATE" && operation !== "UPDATE") || object === undefined) return;
    if (isAbout(request, apiServices) && (object as unknown as APIService).spec?.service === undefined) return;
    for (const [kind, notice] of NOTICES) {
      if (isAbout(request, kind)) request.warnings.push(`kubets stores this ${kind.kind}, but it has no effect: ${notice}`);
    }
  },
};

// Puts admission before what a POST to a subresource does: NodeRestriction must see evictions and token requests too.
import type { Kind } from "../../api/index.ts";
import type { AdmissionChain } from "../admission/chain.ts";
import type { SubresourceCreator } from "./creators.ts";

export function admitted(
  admission: Pick<AdmissionChain, "mutate" | "validate">,
  of: { readonly kind: Kind; readonly subresource: string },
  creator: SubresourceCreator,
): SubresourceCreator {
  return async ({ namespace, name }, body, context) => {
    const request = { operation: "CREATE", ...of, namespace, name, object: body, ...context } as const;
    await admission.mutate(request);
    await admission.validate(request);
    return creator({ namespace, name }, body, context);
  };
}

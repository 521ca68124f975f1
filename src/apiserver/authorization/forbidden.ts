// The answer to a request that nobody allowed, in the words that clients of Kubernetes know.
import { forbiddenError, type StatusError } from "../../api/index.ts";
import type { AuthorizationAttributes } from "./authorizer.ts";

/** Nothing in the text may look like HTML to a browser. */
function withoutMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function describe({ user, verb, resource, path }: AuthorizationAttributes): string {
  const who = JSON.stringify(user.name);
  if (resource === undefined) return `User ${who} cannot ${verb} path ${JSON.stringify(path)}`;
  const what = resource.subresource === "" ? resource.resource : `${resource.resource}/${resource.subresource}`;
  const action = `User ${who} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(resource.group)}`;
  return resource.namespace === "" ? `${action} at the cluster scope` : `${action} in the namespace ${JSON.stringify(resource.namespace)}`;
}

/** The 403 for `attributes`; `reason` is what the authorizers had to say. */
export function forbiddenByAuthorizer(attributes: AuthorizationAttributes, reason: string): StatusError {
  const text = withoutMarkup(describe(attributes));
  const { group = "", resource = "", name = "" } = attributes.resource ?? {};
  return forbiddenError({ group, resource }, name, reason === "" ? text : `${text}: ${reason}`);
}

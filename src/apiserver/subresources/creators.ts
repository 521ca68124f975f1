// Subresources, and one kind, that are created rather than stored: what a POST to them does.

import type { KubeObject, Status } from "../../api/index.ts";
import type { Mutable } from "../../base/index.ts";
import type { WriteRequestContext } from "../storage/write-context.ts";

export interface ParentName {
  readonly namespace: string;
  readonly name: string;
}

/** Gives what the client is answered. Throws the API failures of the call. */
export type SubresourceCreator = (parent: ParentName, body: Mutable<KubeObject>, context: WriteRequestContext) => Promise<KubeObject>;

/** Keys are `<group>/<resource>/<subresource>`, or `<group>/<resource>` for a kind that is only ever posted. */
export type SubresourceCreators = ReadonlyMap<string, SubresourceCreator>;

/** A `Status` is answered where there is nothing else to say. It has no name, which objects elsewhere have. */
export function successStatus(code = 201): KubeObject {
  const status: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code };
  return status as unknown as KubeObject;
}

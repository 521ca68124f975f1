// The admission plugin's port. The chain and its order stand in admission/chain.ts.
import type { Kind, KubeObject } from "../../api/index.ts";
import type { Mutable } from "../../base/index.ts";
import type { UserInfo } from "../user.ts";

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly kind: Kind;
  /** "" for the object itself. */
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** What is to be stored; absent on DELETE. `mutate` may change it. */
  readonly object?: Mutable<KubeObject>;
  readonly oldObject?: KubeObject;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Texts for the client's Warning headers. */
  readonly warnings: string[];
}

export interface AdmissionPlugin {
  readonly name: string;
  /** Throws a `StatusError` to refuse. */
  mutate?(request: AdmissionRequest): void | Promise<void>;
  /** Runs after all mutation. Throws a `StatusError` to refuse. */
  validate?(request: AdmissionRequest): void | Promise<void>;
}

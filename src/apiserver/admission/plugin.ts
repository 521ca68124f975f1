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
  /** What the request asked for beside: the fields of its CreateOptions, UpdateOptions or DeleteOptions. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Texts for the client's Warning headers. */
  readonly warnings: string[];
}

/** One of at most two walks through all that may change an object. */
export interface MutationRound {
  readonly isSecond: boolean;
  /** Asks for a second walk: what others looked at before has changed. */
  needsSecond(): void;
  /** What plugins remember of the first walk in the second, by their names. */
  readonly memory: Map<string, unknown>;
}

export interface AdmissionPlugin {
  readonly name: string;
  /** Throws a `StatusError` to refuse. */
  mutate?(request: AdmissionRequest, round: MutationRound): void | Promise<void>;
  /** Runs after all mutation. Throws a `StatusError` to refuse. */
  validate?(request: AdmissionRequest): void | Promise<void>;
}

// What an API server is told at its start.
import type { Store } from "../store/index.ts";
import type { ServiceAccountKeys } from "./authentication/service-account-keys.ts";
import type { ComponentCheck } from "./component-statuses.ts";
import type { NodeConnector } from "./node-connector.ts";
import type { UserInfo } from "./user.ts";

export interface ApiServerOptions {
  /** The server's, but not closed by it. */
  readonly store: Store;
  /** Absent: made anew, so that tokens end with the process. */
  readonly serviceAccountKeys?: ServiceAccountKeys;
  /** The `iss` of service account tokens. */
  readonly serviceAccountIssuer?: string;
  /** Users by bearer token. */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
  /** Addresses of services; IPv4. */
  readonly serviceCidr?: string;
  /** Ports of NodePort services, both included. */
  readonly nodePortRange?: readonly [number, number];
  /** How the server is reached from inside the cluster: the endpoint behind the `kubernetes` service. Absent: none is published. */
  readonly advertise?: { readonly address: string; readonly port: number };
  /** The way to the nodes' kubelets, for logs, exec and the like, and to webhooks. Absent: such requests are refused, and calls fail. */
  readonly nodes?: NodeConnector;
  /** How the other parts of the control plane are, for componentstatuses. */
  readonly components?: Readonly<Partial<Record<"scheduler" | "controller-manager", ComponentCheck>>>;
  /** PEM certificates that clients' certificates are signed by, published for extension servers. */
  readonly clientCa?: string;
}

export const defaultServiceCidr = "10.96.0.0/16";
export const defaultNodePortRange = [30_000, 32_767] as const;
export const defaultIssuer = "https://kubernetes.default.svc.cluster.local";

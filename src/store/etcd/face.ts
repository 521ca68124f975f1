// etcd's v3 API over any store: all methods, and the plain HTTP paths beside them.
import { type Env, METRIC_TEXT_TYPE } from "../../base/index.ts";
import type { Store } from "../store.ts";
import type { GrpcMethods } from "./grpc.ts";
import { kvMethods, leaseMethods } from "./kv.ts";
import { clusterMethods, type Digest, maintenanceMethods } from "./maintenance.ts";
import { createMember, ETCD_VERSION } from "./member.ts";
import { watchMethods } from "./watch.ts";

export interface EtcdFaceOptions {
  /** Of the member. */
  readonly name: string;
  /** Where clients reach it: what they are told. */
  readonly clientUrls: readonly string[];
  /** What the store was opened with; only told. */
  readonly quotaBytes?: number;
  readonly watchProgressIntervalMs?: number;
}

export interface EtcdFace {
  readonly methods: GrpcMethods;
  /** Answers a GET; undefined: no such path. */
  http(path: string): HttpAnswer | undefined;
}

interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

export function createEtcdFace(env: Env, store: Store, { createDigest, ...options }: EtcdFaceOptions & { readonly createDigest: () => Digest }): EtcdFace {
  const member = createMember(options.name, options.clientUrls);
  const { watchProgressIntervalMs: progressIntervalMs, quotaBytes = 0 } = options;
  return {
    methods: {
      ...kvMethods(store, member),
      ...leaseMethods(store, member),
      ...watchMethods(env, store, member, progressIntervalMs === undefined ? {} : { progressIntervalMs }),
      ...maintenanceMethods(env, { store, member, quotaBytes, createDigest }),
      ...clusterMethods(store, member),
    },
    http: (path) => {
      switch (path) {
        case "/health":
          return health(store);
        case "/livez":
        case "/readyz":
          return { status: 200, type: "text/plain; charset=utf-8", body: "ok\n" };
        case "/metrics":
          return { status: 200, type: METRIC_TEXT_TYPE, body: env.metrics.render() };
        case "/version":
          return json(200, { etcdserver: ETCD_VERSION, etcdcluster: ETCD_VERSION, storage: ETCD_VERSION });
        default:
          return undefined;
      }
    },
  };
}

/** An alarm is no health. */
function health(store: Store): HttpAnswer {
  const alarms = store.alarms();
  const reason = alarms.includes("noSpace") ? "ALARM NOSPACE" : alarms.length > 0 ? "ALARM CORRUPT" : "";
  return json(reason === "" ? 200 : 503, { health: String(reason === ""), reason });
}

function json(status: number, value: unknown): HttpAnswer {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

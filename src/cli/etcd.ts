// `kubets etcd`: the store alone, as etcd is started, with its flags (https://etcd.io/docs/v3.6/op-guide/configuration/).
import { readFile } from "node:fs/promises";
import { createSystemEnv } from "../base/index.host.ts";
import { parseDuration } from "../base/index.ts";
import { type AutoCompaction, openEtcdStore, serveEtcd } from "../store/index.host.ts";
import { UserError } from "./progress.ts";

export interface EtcdFlags {
  readonly name: string;
  readonly dataDir?: string;
  readonly listenClientUrls: string;
  readonly advertiseClientUrls?: string;
  readonly listenMetricsUrls?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly trustedCaFile?: string;
  readonly clientCertAuth?: boolean;
  readonly quotaBackendBytes: number;
  readonly autoCompactionMode: AutoCompaction["mode"];
  readonly autoCompactionRetention: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** Serves until the process is told to end. */
export async function etcd(flags: EtcdFlags): Promise<void> {
  const listenUrls = parseUrls("--listen-client-urls", flags.listenClientUrls);
  const metricsUrls = parseUrls("--listen-metrics-urls", flags.listenMetricsUrls ?? "");
  const tls = await readTls(flags, [...listenUrls, ...metricsUrls]);
  const autoCompaction = parseCompaction(flags);
  const env = createSystemEnv({ logLevel: flags.logLevel });
  const folder = flags.dataDir ?? `${flags.name}.etcd`;
  const quota = flags.quotaBackendBytes > 0 ? { quotaBytes: flags.quotaBackendBytes } : {};
  const store = await openEtcdStore(env, { folder, ...quota });
  const advertised = flags.advertiseClientUrls === undefined ? listenUrls : parseUrls("--advertise-client-urls", flags.advertiseClientUrls);
  const serving = await serveEtcd(env, store, {
    name: flags.name,
    clientUrls: advertised.map(({ origin }) => origin),
    listenUrls: [...listenUrls, ...metricsUrls],
    ...quota,
    ...(autoCompaction === undefined ? {} : { autoCompaction }),
    ...(tls === undefined ? {} : { tls }),
  }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  env.log.info("serving etcd's API", { urls: listenUrls.map(({ origin }) => origin).join(","), folder });
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  await serving.close();
  await store.close();
}

function parseUrls(flag: string, text: string): URL[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => {
      const url = URL.canParse(part) ? new URL(part) : undefined;
      if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/") {
        throw new UserError(`${flag} takes URLs such as https://127.0.0.1:2379, not "${part}"`);
      }
      return url;
    });
}

/** A bare number is hours, or revisions; 0 is no compaction. */
function parseCompaction({ autoCompactionMode: mode, autoCompactionRetention: text }: EtcdFlags): AutoCompaction | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : undefined;
  if (number === 0) return undefined;
  if (mode === "revision") {
    if (number === undefined) throw new UserError(`--auto-compaction-retention takes a number of revisions, not "${text}"`);
    return { mode, revisions: number };
  }
  const retentionMs = number === undefined ? parseDuration(text) : number * 3_600_000;
  if (retentionMs === undefined || retentionMs <= 0) throw new UserError(`--auto-compaction-retention takes hours or a duration such as 30m, not "${text}"`);
  return { mode, retentionMs };
}

async function readTls({ certFile, keyFile, trustedCaFile, clientCertAuth }: EtcdFlags, urls: readonly URL[]) {
  const needed = urls.some(({ protocol }) => protocol === "https:");
  const open = urls.find(({ protocol }) => protocol === "http:");
  if (clientCertAuth && open !== undefined)
    throw new UserError(`--client-cert-auth needs https URLs: who comes to ${open.origin} shows no certificate, and would be served all the same`);
  if (clientCertAuth && trustedCaFile === undefined) throw new UserError("--client-cert-auth needs --trusted-ca-file");
  if (certFile === undefined || keyFile === undefined) {
    if (needed) throw new UserError("https URLs need --cert-file and --key-file");
    return undefined;
  }
  const [certificate, privateKey, clientAuthorities] = await Promise.all([
    readFile(certFile, "utf8"),
    readFile(keyFile, "utf8"),
    trustedCaFile === undefined ? undefined : readFile(trustedCaFile, "utf8"),
  ]);
  return { certificate, privateKey, ...(clientAuthorities === undefined ? {} : { clientAuthorities }) };
}

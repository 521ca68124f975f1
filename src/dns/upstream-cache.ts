// Answers from outside the cluster, kept for as long as they may be (RFC 2308 for negative ones) and no longer than 30 s, so
// that a name that many pods ask for is asked once. Equal questions that come while one is under way wait for its answer.
//
// Bound: MOST_ENTRIES answers, the oldest go first.
import type { Env } from "../base/index.ts";
import type { Upstream, UpstreamReply } from "./dns.ts";
import type { Nameserver } from "./forwarding.ts";
import type { Question } from "./records.ts";

const MOST_ENTRIES = 10_000;
const LONGEST_SECONDS = 30;
const CACHEABLE = new Set(["NOERROR", "NXDOMAIN"]);

interface Entry {
  readonly reply: UpstreamReply;
  readonly storedMs: number;
  readonly ttlSeconds: number;
}

export function cached(env: Env, upstream: Upstream): Upstream {
  const entries = new Map<string, Entry>();
  const underWay = new Map<string, Promise<UpstreamReply | undefined>>();
  const ask = async (key: string, question: Question, servers?: readonly Nameserver[]): Promise<UpstreamReply | undefined> => {
    const reply = await upstream.resolve(question, servers);
    const ttlSeconds = reply === undefined ? 0 : lifetime(reply);
    entries.delete(key);
    if (reply === undefined || ttlSeconds === 0) return reply;
    entries.set(key, { reply, storedMs: env.clock.monotonic(), ttlSeconds });
    const [oldest] = entries.keys();
    if (entries.size > MOST_ENTRIES && oldest !== undefined) entries.delete(oldest);
    return reply;
  };
  return {
    resolve: async (question, servers) => {
      const key = JSON.stringify([question.type, question.name.toLowerCase(), servers]);
      const entry = entries.get(key);
      const age = entry === undefined ? 0 : Math.floor((env.clock.monotonic() - entry.storedMs) / 1000);
      if (entry !== undefined && age < entry.ttlSeconds) return aged(entry.reply, age);
      const running = underWay.get(key) ?? ask(key, question, servers).finally(() => underWay.delete(key));
      underWay.set(key, running);
      return running;
    },
  };
}

/** Whole seconds; 0: not to be kept. */
function lifetime({ code, answers, authorities }: UpstreamReply): number {
  if (!CACHEABLE.has(code)) return 0;
  const ttls = answers.length > 0 ? answers.map(ttlOf) : authorities.filter(({ type }) => type === "SOA").map((soa) => Math.min(ttlOf(soa), minimumOf(soa)));
  return ttls.length === 0 ? 0 : Math.min(LONGEST_SECONDS, ...ttls);
}

function aged(reply: UpstreamReply, seconds: number): UpstreamReply {
  if (seconds === 0) return reply;
  const older = (records: UpstreamReply["answers"]) => records.map((record) => ({ ...record, ttl: Math.max(0, ttlOf(record) - seconds) }));
  return { ...reply, answers: older(reply.answers), authorities: older(reply.authorities) };
}

function ttlOf({ ttl = 0 }: { readonly ttl?: number }): number {
  return ttl;
}

function minimumOf({ data }: { readonly data?: unknown }): number {
  const { minimum } = (data ?? {}) as { readonly minimum?: number };
  return minimum ?? 0;
}

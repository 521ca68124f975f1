// Questions and answers on the wire (RFC 1035, EDNS0 of RFC 6891).
import packet, { type Answer, type Packet, type Question as PacketQuestion } from "dns-packet";
import type { Dns, DnsAnswer, ForeignRecord, ResponseCode, UpstreamReply } from "./dns.ts";
import type { DnsRecord, Question } from "./records.ts";

const CODES: Readonly<Record<ResponseCode, number>> = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 };
const PLAIN_UDP_BYTES = 512;
/** Larger UDP answers risk fragments. */
const LARGEST_UDP_BYTES = 1232;
const OPCODE_BITS = 0x7800;
const OPTIONS: Answer = { type: "OPT", name: ".", udpPayloadSize: LARGEST_UDP_BYTES, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] };
const SOA_TTL_SECONDS = 30;

export interface Query {
  readonly id: number;
  readonly flags: number;
  readonly question: Question;
  readonly raw: PacketQuestion;
  /** What the client takes over UDP. */
  readonly udpBytes: number;
  /** The client speaks EDNS0, and so must the answer. */
  readonly hasEdns: boolean;
}

/** A question that is not answered. */
export interface RefusedQuery {
  readonly id: number;
  readonly refused: ResponseCode;
}

/** Undefined for what is no question, e.g. an answer or noise: it gets no reply. */
export function decodeQuery(bytes: Buffer): Query | RefusedQuery | undefined {
  let decoded: Packet & { flags?: number };
  try {
    decoded = packet.decode(bytes);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return bytes.length >= 12 && (bytes.readUInt16BE(2) & 0x8000) === 0 ? { id: bytes.readUInt16BE(0), refused: "FORMERR" } : undefined;
  }
  if (decoded.type !== "query") return undefined;
  const raw = decoded.questions?.[0];
  const id = decoded.id ?? 0;
  if (((decoded.flags ?? 0) & OPCODE_BITS) !== 0) return { id, refused: "NOTIMP" };
  if (raw === undefined || decoded.questions?.length !== 1) return { id, refused: "FORMERR" };
  const option = decoded.additionals?.find(({ type }) => type === "OPT") as { udpPayloadSize?: number } | undefined;
  const udpBytes = Math.min(LARGEST_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, option?.udpPayloadSize ?? PLAIN_UDP_BYTES));
  return { id, flags: decoded.flags ?? 0, question: { name: raw.name, type: raw.type }, raw, udpBytes, hasEdns: option !== undefined };
}

export function encodeError(id: number, code: ResponseCode): Buffer {
  return packet.encode({ type: "response", id, flags: CODES[code] });
}

/** `limitBytes`: over UDP a longer answer is cut, and marked so that the client asks again over TCP. */
export function encodeAnswer(query: Query, answer: Awaited<ReturnType<Dns["answer"]>>, limitBytes: number): Buffer {
  const flags = (query.flags & packet.RECURSION_DESIRED) | packet.RECURSION_AVAILABLE;
  const base = { type: "response" as const, id: query.id, questions: [query.raw] };
  const options = query.hasEdns ? [OPTIONS] : [];
  const message: Packet =
    "passedOn" in answer
      ? {
          ...base,
          flags: flags | CODES[answer.passedOn.code],
          answers: answer.passedOn.answers as Answer[],
          authorities: answer.passedOn.authorities as Answer[],
          additionals: options,
        }
      : {
          ...base,
          flags: flags | CODES[answer.code] | (answer.authoritative ? packet.AUTHORITATIVE_ANSWER : 0),
          answers: answer.answers.map(onTheWire),
          additionals: [...answer.additionals.map(onTheWire), ...options],
          authorities: authorities(answer),
        };
  const whole = packet.encode(message);
  if (whole.length <= limitBytes) return whole;
  // Additional records are a courtesy: an answer without them is whole.
  const plain = packet.encode({ ...message, additionals: options });
  return plain.length <= limitBytes ? plain : cut({ ...message, additionals: options }, limitBytes);
}

/** As many of the answers as fit: some resolvers make do with them and never ask over TCP. */
function cut(message: Packet, limitBytes: number): Buffer {
  const shortened = (count: number): Buffer =>
    packet.encode({ ...message, answers: (message.answers ?? []).slice(0, count), flags: (message.flags ?? 0) | packet.TRUNCATED_RESPONSE });
  let fits = 0;
  let tooMany = message.answers?.length ?? 0;
  while (fits + 1 < tooMany) {
    const middle = (fits + tooMany) >>> 1;
    if (shortened(middle).length <= limitBytes) fits = middle;
    else tooMany = middle;
  }
  return shortened(fits);
}

function onTheWire(record: DnsRecord): Answer {
  return record as Answer;
}

function authorities({ soaZone }: DnsAnswer): Answer[] {
  if (soaZone === undefined) return [];
  const data = { mname: `ns.dns.${soaZone}`, rname: `hostmaster.${soaZone}`, serial: 1, refresh: 7200, retry: 1800, expire: 86400, minimum: SOA_TTL_SECONDS };
  return [{ type: "SOA", name: soaZone, ttl: SOA_TTL_SECONDS, data }];
}

export function encodeQuestion(id: number, question: Question): Buffer {
  return packet.encode({
    type: "query",
    id,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name: question.name, type: question.type as PacketQuestion["type"] }],
  });
}

/** A resolver's reply to our question `id`; undefined when it is none. */
export function decodeReply(bytes: Buffer, id: number): (UpstreamReply & { readonly truncated: boolean }) | undefined {
  const decoded = packet.decode(bytes) as Packet & { rcode?: string; flag_tc?: boolean };
  if (decoded.type !== "response" || decoded.id !== id) return undefined;
  const records = (section: Answer[] | undefined) => (section ?? []) as readonly ForeignRecord[];
  return {
    code: (decoded.rcode ?? "NOERROR") as ResponseCode,
    answers: records(decoded.answers),
    authorities: records(decoded.authorities),
    truncated: decoded.flag_tc === true,
  };
}

// UDP flows that connection tracking still sends where a service no longer leads. A UDP "connection" has no end: as long as a
// client goes on sending, its packets keep the translation of the first one, whatever the rules say since.
import type { UdpFrontend } from "./plan.ts";

/** The original direction and where the reply comes from. */
export interface Flow {
  readonly source: string;
  readonly sourcePort: string;
  readonly destination: string;
  readonly destinationPort: string;
  readonly replySource: string;
  readonly replySourcePort: string;
}

/** Reads the lines of `conntrack -L -p udp`. */
export function parseFlows(text: string): Flow[] {
  return text.split("\n").flatMap((line) => {
    const fields = [...line.matchAll(/\b(src|dst|sport|dport)=(\S+)/g)].map(([, name = "", value = ""]) => ({ name, value }));
    // Each direction names source, destination and both ports, in this order.
    if (
      fields.length < 8 ||
      fields
        .map(({ name }) => name)
        .slice(0, 8)
        .join() !== "src,dst,sport,dport,src,dst,sport,dport"
    )
      return [];
    const [source = "", destination = "", sourcePort = "", destinationPort = "", replySource = "", , replySourcePort = ""] = fields.map(({ value }) => value);
    return [{ source, sourcePort, destination, destinationPort, replySource, replySourcePort }];
  });
}

/**
 * The flows to end: those to a frontend that has endpoints but not this one (also when the flow began before there were any and
 * was never translated), and those to a frontend that is gone but were translated.
 */
export function staleFlows(
  flows: readonly Flow[],
  frontends: Iterable<UdpFrontend>,
  gone: ReadonlySet<string>,
  isLocalAddress: (ip: string) => boolean,
): Flow[] {
  const backends = new Map([...frontends].map((frontend) => [frontend.key, new Set(frontend.backends)]));
  return flows.filter((flow) => {
    const keys = [`${flow.destination}:${flow.destinationPort}`];
    if (isLocalAddress(flow.destination)) keys.push(`:${flow.destinationPort}`);
    const answeredBy = `${flow.replySource}:${flow.replySourcePort}`;
    const known = keys.map((key) => backends.get(key)).find((found) => found !== undefined);
    if (known !== undefined) return !known.has(answeredBy);
    return keys.some((key) => gone.has(key)) && flow.replySource !== flow.destination;
  });
}

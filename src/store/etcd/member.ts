// Who answers: the one member of a cluster of one, its own leader.
import type { WireInput } from "./messages.ts";

/** The release of etcd whose API is served; clients choose by it what they may ask. */
export const ETCD_VERSION = "3.6.0";
/** One member never holds a second election. */
export const RAFT_TERM = 1;

export interface Member {
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly memberId: number;
  readonly clusterId: number;
  header(revision: number): WireInput<"ResponseHeader">;
}

/** The IDs follow from the name, so that a restart does not change them. */
export function createMember(name: string, clientUrls: readonly string[]): Member {
  const [memberId, clusterId] = [identifier(`member ${name}`), identifier(`cluster ${name}`)];
  return { name, clientUrls, memberId, clusterId, header: (revision) => ({ clusterId, memberId, revision, raftTerm: RAFT_TERM }) };
}

/** 48 bits, never 0: FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/) over the text, twice from different starts. */
function identifier(text: string): number {
  const half = (start: number) => {
    let hash = start;
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    return hash >>> 0;
  };
  return half(0x811c9dc5) * 0x10000 + (half(0x2f0b4c47) & 0xffff) + 1;
}

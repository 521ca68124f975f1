// Kubernetes' channel protocols over WebSocket (KEP-4006 for v5): every message begins with the number of its channel.
// Pure.
//
// exec and attach: 0 stdin, 1 stdout, 2 stderr, 3 error, 4 resize. Port-forward: for the n-th port 2n carries data and
// 2n+1 errors.

export interface ChannelProtocol {
  readonly name: string;
  /** Messages are text: a digit and base64, instead of a byte and bytes. */
  readonly base64: boolean;
  /** The error channel carries a Status object; before version 4 only the text of a failure. */
  readonly statusObjects: boolean;
  /** The client may close stdin alone, with the message 255, 0. */
  readonly halfClose: boolean;
}

export const stdinChannel = 0;
export const stdoutChannel = 1;
export const stderrChannel = 2;
export const errorChannel = 3;
export const resizeChannel = 4;
const closeSignal = 255;

const oldest: ChannelProtocol = { name: "", base64: false, statusObjects: false, halfClose: false };
const remoteCommandProtocols: readonly ChannelProtocol[] = [
  { name: "v5.channel.k8s.io", base64: false, statusObjects: true, halfClose: true },
  { name: "v4.channel.k8s.io", base64: false, statusObjects: true, halfClose: false },
  { name: "v4.base64.channel.k8s.io", base64: true, statusObjects: true, halfClose: false },
  { name: "channel.k8s.io", base64: false, statusObjects: false, halfClose: false },
  { name: "base64.channel.k8s.io", base64: true, statusObjects: false, halfClose: false },
];
const portForwardProtocols = remoteCommandProtocols.filter((protocol) => protocol.name.startsWith("v4."));

/** The first offered protocol that exec and attach speak; undefined when none is. No offer at all means the oldest. */
export function chooseRemoteCommandProtocol(offered: readonly string[]): ChannelProtocol | undefined {
  return choose(remoteCommandProtocols, offered);
}

export function choosePortForwardProtocol(offered: readonly string[]): ChannelProtocol | undefined {
  return choose(portForwardProtocols, offered);
}

function choose(known: readonly ChannelProtocol[], offered: readonly string[]): ChannelProtocol | undefined {
  if (offered.length === 0) return oldest;
  return offered.map((name) => known.find((protocol) => protocol.name === name)).find((protocol) => protocol !== undefined);
}

export type ChannelMessage =
  | { readonly type: "data"; readonly channel: number; readonly data: Uint8Array }
  | { readonly type: "close"; readonly channel: number };

/** undefined for a message that says nothing: empty, or not of this protocol. */
export function decodeMessage(protocol: ChannelProtocol, message: Uint8Array): ChannelMessage | undefined {
  const first = message[0];
  if (first === undefined) return undefined;
  if (protocol.halfClose && first === closeSignal) {
    const channel = message[1];
    return channel === undefined ? undefined : { type: "close", channel };
  }
  if (!protocol.base64) return { type: "data", channel: first, data: message.subarray(1) };
  const data = fromBase64(new TextDecoder().decode(message.subarray(1)));
  return data === undefined ? undefined : { type: "data", channel: first - 0x30, data };
}

/** The message to send: text for a base64 protocol, bytes otherwise. */
export function encodeMessage(protocol: ChannelProtocol, channel: number, data: Uint8Array): string | Uint8Array {
  if (protocol.base64) return channel + toBase64(data);
  const message = new Uint8Array(1 + data.length);
  message[0] = channel;
  message.set(data, 1);
  return message;
}

/** What the error channel says about the end of a command, given the runtime's Status object. */
export function encodeOutcome(protocol: ChannelProtocol, status: Uint8Array): Uint8Array | undefined {
  if (protocol.statusObjects) return status;
  const { status: outcome, message } = JSON.parse(new TextDecoder().decode(status)) as { readonly status?: string; readonly message?: string };
  return outcome === "Success" ? undefined : new TextEncoder().encode(message ?? "");
}

function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function toBase64(data: Uint8Array): string {
  let binary = "";
  for (const byte of data) binary += String.fromCharCode(byte);
  return btoa(binary);
}

// What a gRPC server offers (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): methods by path, and the calls that
// are made to them. Pure: sockets are the affair of grpc-server.host.ts.
import { codec, type MessageName, requestCodec, type Wire, type WireInput } from "./messages.ts";

/** https://grpc.io/docs/guides/status-codes/ */
export const grpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  notFound: 5,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
} as const;

export class GrpcError extends Error {
  override readonly name = "GrpcError";
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** A call's way back to its client. After `end` or `fail`, and after the client went away, nothing is sent. */
export interface ServerCall {
  /** False: much is waiting to be sent, and `drained` will say when it is not. */
  send(message: Uint8Array): boolean;
  end(): void;
  fail(error: unknown): void;
}

/** What a method does with a call; nothing is called after `closed`. */
export interface CallHandler {
  message(bytes: Uint8Array): void;
  /** The client has sent its last message. */
  ended?(): void;
  drained?(): void;
  /** The call is over, whoever ended it. */
  closed?(): void;
}

export type GrpcMethod = (call: ServerCall) => CallHandler;
/** By path, such as `/etcdserverpb.KV/Range`. */
export type GrpcMethods = Readonly<Record<string, GrpcMethod>>;

/** What is no such message is the client's error. */
export function decodeRequest<Request extends MessageName>(request: Request, bytes: Uint8Array): Wire<Request> {
  try {
    return requestCodec.decode(request, bytes);
  } catch (error) {
    throw new GrpcError(grpcStatus.invalidArgument, `etcdserver: malformed ${request}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One message, one answer; further messages are not looked at. */
export function unary<Request extends MessageName, Response extends MessageName>(
  request: Request,
  response: Response,
  answer: (message: Wire<Request>) => WireInput<Response> | Promise<WireInput<Response>>,
): GrpcMethod {
  return (call) => {
    let asked = false;
    return {
      message: (bytes) => {
        if (asked) return;
        asked = true;
        Promise.resolve()
          .then(() => answer(decodeRequest(request, bytes)))
          .then((result) => {
            call.send(codec.encode(response, result));
            call.end();
          })
          .catch((error: unknown) => call.fail(error));
      },
    };
  };
}

/** Messages both ways, answered in their order. */
export function exchange<Request extends MessageName, Response extends MessageName>(
  request: Request,
  response: Response,
  answer: (message: Wire<Request>) => Promise<WireInput<Response>>,
): GrpcMethod {
  return (call) => {
    let last: Promise<void> = Promise.resolve();
    return {
      message: (bytes) => {
        last = last
          .then(() => answer(decodeRequest(request, bytes)))
          .then((result) => void call.send(codec.encode(response, result)))
          .catch((error: unknown) => call.fail(error));
      },
      ended: () => void last.then(() => call.end()),
    };
  };
}

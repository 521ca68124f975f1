// The network as probes and hooks use it. Nothing is kept open between two probes.
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { ServiceError } from "@grpc/grpc-js";
import type { DialFailure, ProbeDialer } from "../host.ts";
import { codeOf } from "./host-error.host.ts";

const MAX_BODY = 10 * 1024;
const STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
const REASONS: Readonly<Record<string, DialFailure["reason"]>> = {
  ECONNREFUSED: "refused",
  ETIMEDOUT: "timeout",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ECONNRESET: "reset",
  EPIPE: "reset",
};

export const linuxDialer: ProbeDialer = { http, tcp, grpcHealth };

function failure(error: unknown, stage: DialFailure["stage"]): { ok: false } & DialFailure {
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, reason: REASONS[codeOf(error)] ?? "other", stage, message };
}

function http({ url, headers, timeoutMs }: Parameters<ProbeDialer["http"]>[0]): ReturnType<ProbeDialer["http"]> {
  return new Promise((resolve) => {
    let stage: DialFailure["stage"] = "connect";
    const fields = new Map<string, string[]>();
    for (const { name, value } of headers) fields.set(name, [...(fields.get(name) ?? []), value]);
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const request = send(url, { headers: Object.fromEntries(fields), agent: false, rejectUnauthorized: false });
    const timer = setTimeout(() => finish({ ok: false, reason: "timeout", stage, message: "timeout" }), timeoutMs);
    const finish = (answer: Awaited<ReturnType<ProbeDialer["http"]>>): void => {
      clearTimeout(timer);
      request.destroy();
      resolve(answer);
    };
    request.on("socket", (socket) => socket.on("connect", () => (stage = "response")));
    request.on("error", (error) => finish(failure(error, stage)));
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const { statusCode = 0 } = response;
      const { location } = response.headers;
      const done = (): void => {
        const body = Buffer.concat(chunks).subarray(0, MAX_BODY).toString();
        finish({ ok: true, status: statusCode, body, ...(location === undefined ? {} : { location }) });
      };
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length >= MAX_BODY) done();
      });
      response.on("end", done);
      response.on("error", (error) => finish(failure(error, "response")));
    });
    request.end();
  });
}

function tcp({ host, port, timeoutMs }: Parameters<ProbeDialer["tcp"]>[0]): ReturnType<ProbeDialer["tcp"]> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (answer: Awaited<ReturnType<ProbeDialer["tcp"]>>): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish({ ok: false, reason: "timeout", stage: "connect", message: "timeout" }), timeoutMs);
    socket.on("connect", () => finish({ ok: true }));
    socket.on("error", (error) => finish(failure(error, "connect")));
  });
}

/** The two messages of grpc.health.v1 have one field each. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  return service === "" ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
}
function healthStatus(answer: Buffer): string {
  return STATUSES[answer[0] === 0x08 ? (answer[1] ?? 0) : 0] ?? "UNKNOWN";
}

async function grpcHealth({ host, port, service, timeoutMs }: Parameters<ProbeDialer["grpcHealth"]>[0]): ReturnType<ProbeDialer["grpcHealth"]> {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  // Few pods have such a probe, and the library takes a while to load.
  const { Client, credentials, status: grpcStatus } = await import("@grpc/grpc-js");
  const client = new Client(address, credentials.createInsecure());
  const deadline = Date.now() + timeoutMs;
  return new Promise<Awaited<ReturnType<ProbeDialer["grpcHealth"]>>>((resolve) => {
    client.waitForReady(deadline, (notReady) => {
      if (notReady !== undefined) return resolve({ ok: false, reason: "connect", message: notReady.message });
      client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        healthRequest,
        (answer: Buffer) => healthStatus(answer),
        service,
        { deadline },
        (error: ServiceError | null, status?: string) => {
          if (error === null) return resolve({ ok: true, status: status ?? "UNKNOWN" });
          const reason = error.code === grpcStatus.UNIMPLEMENTED ? "unimplemented" : error.code === grpcStatus.DEADLINE_EXCEEDED ? "timeout" : "other";
          resolve({ ok: false, reason, message: error.details });
        },
      );
    });
  }).finally(() => client.close());
}

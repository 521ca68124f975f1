// The options that requests to the kubelet carry in their query, and their refusals with upstream's texts. Pure.
import type { PodLogOptions } from "../../api/index.ts";
import { KubeletApiError, type StreamOptions } from "../kubelet-api.ts";

/** `input`/`output`/`error` is what API servers send, `stdin`/`stdout`/`stderr` what their own clients do. */
export function streamOptions(query: URLSearchParams): StreamOptions {
  const tty = isSet(query, "tty");
  const streams = {
    stdin: isSet(query, "input") || isSet(query, "stdin"),
    stdout: isSet(query, "output") || isSet(query, "stdout"),
    stderr: (isSet(query, "error") || isSet(query, "stderr")) && !tty,
    tty,
  };
  if (!streams.stdin && !streams.stdout && !streams.stderr) throw new KubeletApiError(400, "you must specify at least 1 of stdin, stdout, stderr");
  return streams;
}

function isSet(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === "1" || value === "true";
}

export function portsOf(query: URLSearchParams): number[] {
  const ports = query
    .getAll("ports")
    .concat(query.getAll("port"))
    .flatMap((text) => text.split(","))
    .map(Number);
  const wrong = ports.find((port) => !Number.isInteger(port) || port < 1 || port > 65535);
  if (wrong !== undefined) throw new KubeletApiError(400, "each port must be between 1 and 65535");
  return ports;
}

export function logOptions(query: URLSearchParams): PodLogOptions {
  const sinceTime = query.get("sinceTime") ?? "";
  return {
    follow: booleanOf(query, "follow"),
    previous: booleanOf(query, "previous"),
    timestamps: booleanOf(query, "timestamps"),
    sinceSeconds: numberOf(query, "sinceSeconds"),
    sinceTime: sinceTime === "" ? undefined : sinceTime,
    // `all` is how a limit is lifted.
    tailLines: query.get("tailLines") === "all" ? undefined : numberOf(query, "tailLines"),
    limitBytes: numberOf(query, "limitBytes"),
    stream: query.get("stream") ?? undefined,
  };
}

function booleanOf(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  return value === null ? undefined : value !== "false" && value !== "0";
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? "";
  if (text === "") return undefined;
  const value = Number(text);
  if (!Number.isInteger(value)) throw new KubeletApiError(400, `invalid query parameter ${name}: "${text}" is not a whole number`);
  return value;
}

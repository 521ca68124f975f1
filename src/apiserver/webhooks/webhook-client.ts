// How the server calls webhooks: a POST of JSON over HTTPS to the URL or the service of a client configuration
// (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook). A service goes
// by the name `NAME.NAMESPACE.svc` in its certificate.
//
// Invariant: a call ends within its time, with an answer or a `WebhookCallError`.
import { JsonSyntaxError, parseJson, type WebhookClientConfig } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";
import type { BackendResponse, NodeConnector, VerifiedServer } from "../node-connector.ts";
import { answeredFailure, connectionFailure } from "./call-failures.ts";
import { locateService } from "./service-endpoint.ts";

/** Nobody answered, or not as a webhook does. `message` has upstream's words. */
export class WebhookCallError extends Error {
  override readonly name = "WebhookCallError";
  constructor(
    message: string,
    /** The HTTP status that was answered; 503 when nobody answered. */
    readonly code: number,
  ) {
    super(message);
  }
}

export interface WebhookClientOptions {
  /** As the server itself: where services are. */
  readonly client: Client;
  /** Absent: the server was started without a way to reach anybody, and no webhook can be called. */
  readonly connector: NodeConnector | undefined;
}

export interface WebhookCall {
  readonly config: WebhookClientConfig;
  /** JSON. */
  readonly body: string;
  readonly timeoutSeconds: number;
}

interface Destination {
  /** `https://host[:port]`, as it was configured. */
  readonly origin: string;
  readonly serverName: string;
  readonly port: number;
  /** Path and query. */
  readonly target: string;
}

const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const HTTPS_PORT = 443;

export class WebhookClient {
  constructor(
    private readonly env: Env,
    private readonly options: WebhookClientOptions,
  ) {}

  /** The answer, parsed. Throws a `WebhookCallError`. */
  async call({ config, body, timeoutSeconds }: WebhookCall): Promise<unknown> {
    const destination = destinationOf(config, timeoutSeconds);
    const ending = new AbortController();
    const timer = this.env.clock.setTimeout(() => ending.abort(), timeoutSeconds * 1000);
    try {
      return parseAnswer(await this.#post(destination, config, body, ending.signal));
    } catch (error) {
      if (error instanceof WebhookCallError) throw error;
      const why = ending.signal.aborted ? "context deadline exceeded" : connectionFailure(error);
      throw new WebhookCallError(`Post ${JSON.stringify(destination.origin + destination.target)}: ${why}`, 503);
    } finally {
      timer.cancel();
    }
  }

  async #post(to: Destination, config: WebhookClientConfig, body: string, abort: AbortSignal): Promise<string> {
    const { connector } = this.options;
    if (connector === undefined) throw new Error("this server was started without a way to reach webhooks");
    const backend = connector.server(await this.#locate(to, config));
    const headers = {
      host: to.origin.slice("https://".length),
      "content-type": "application/json",
      accept: "application/json, */*",
      "user-agent": "kube-apiserver-admission",
    };
    const answer = await backend.request({ method: "POST", target: to.target, headers, body: new TextEncoder().encode(body), abort });
    const text = await readText(answer);
    if (answer.status >= 200 && answer.status <= 299) return text;
    const { message, code } = answeredFailure(answer.status, text);
    throw new WebhookCallError(message, code);
  }

  async #locate({ serverName, port }: Destination, { service, caBundle = "" }: WebhookClientConfig): Promise<VerifiedServer> {
    const { client } = this.options;
    const place = service === undefined ? { host: serverName, port } : await locateService(client, this.env.random, { ...service, port });
    return { ...place, serverName, ...(caBundle === "" ? {} : { authorities: atob(caBundle) }) };
  }
}

/** The time limit goes along, for the webhook to know. */
function destinationOf({ url, service }: WebhookClientConfig, timeoutSeconds: number): Destination {
  const limit = `?timeout=${timeoutSeconds}s`;
  if (service !== undefined) {
    const { namespace, name, port = HTTPS_PORT, path = "" } = service;
    const serverName = `${name}.${namespace}.svc`;
    return { origin: `https://${serverName}:${port}`, serverName, port, target: `${path === "" ? "/" : path}${limit}` };
  }
  const { host, hostname, port, pathname } = new URL(url ?? "");
  const serverName = hostname.replace(/^\[(.*)\]$/, "$1");
  return { origin: `https://${host}`, serverName, port: port === "" ? HTTPS_PORT : Number(port), target: `${pathname}${limit}` };
}

async function readText({ body }: BackendResponse): Promise<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    text += decoder.decode(read.value, { stream: true });
    if (text.length <= MAX_ANSWER_BYTES) continue;
    await reader.cancel();
    throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
  }
  return text + decoder.decode();
}

function parseAnswer(text: string): unknown {
  try {
    return parseJson(text, false).value;
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw new WebhookCallError(`couldn't get version/kind; json parse error: ${error.message}`, 503);
    throw error;
  }
}

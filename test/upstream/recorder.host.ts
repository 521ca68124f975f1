// Sends the cases to a server over HTTPS, as any client would.
import { Agent, request } from "node:https";
import { type Answer, answerOf, type RawAnswer } from "./answer.ts";
import type { RequestCase, Scenario } from "./cases/cases.ts";

export const TOKENS = { admin: "admin-token", jane: "user-token", nobody: "" } as const;

/** Answers by `scenario: case`. */
export async function recordScenarios(server: string, scenarios: readonly Scenario[]): Promise<ReadonlyMap<string, Answer>> {
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  const recording = new Map<string, Answer>();
  for (const { name, cases } of scenarios)
    for (const one of cases) {
      const key = `${name}: ${one.name}`;
      if (recording.has(key)) throw new Error(`two cases are called ${key}`);
      recording.set(key, answerOf(await send(server, agent, one)));
    }
  agent.destroy();
  return recording;
}

/** As they go over the wire. */
export function wireForm({ body, headers = {}, as = "admin" }: RequestCase): { body: string; headers: Record<string, string> } {
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const authorization: Record<string, string> = TOKENS[as] === "" ? {} : { authorization: `Bearer ${TOKENS[as]}` };
  const type: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
  return { body: text, headers: { ...authorization, ...type, accept: "application/json", ...headers } };
}

function send(server: string, agent: Agent, one: RequestCase): Promise<RawAnswer> {
  const { body, headers } = wireForm(one);
  return new Promise((resolve, reject) => {
    const sent = request(
      `${server}${one.path}`,
      { method: one.method, agent, headers: { ...headers, "content-length": String(Buffer.byteLength(body)) } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("error", reject);
        response.on("end", () => {
          const warning = response.headers["warning"];
          resolve({ status: response.statusCode ?? 0, warnings: warning === undefined ? [] : [String(warning)], text });
        });
      },
    );
    sent.on("error", reject);
    sent.setTimeout(20_000, () => sent.destroy(new Error(`no answer to ${one.name} ${one.method} ${one.path}`)));
    sent.end(body);
  });
}

// `/healthz`, `/livez`, `/readyz`: named checks, one line each when asked for
// (https://kubernetes.io/docs/reference/using-api/health-checks/).
import { type ApiResponse, textResponse } from "./message.ts";
import { isTrue } from "./request-info.ts";

export interface HealthCheck {
  readonly name: string;
  /** What is wrong; undefined when nothing is. */
  check(): Promise<string | undefined> | string | undefined;
}

export type HealthEndpoint = "healthz" | "livez" | "readyz";

export async function healthResponse(endpoint: HealthEndpoint, checks: readonly HealthCheck[], only: string, query: URLSearchParams): Promise<ApiResponse> {
  const excluded = new Set(query.getAll("exclude"));
  const asked = only === "" ? checks.filter(({ name }) => !excluded.has(name)) : checks.filter(({ name }) => name === only);
  if (asked.length === 0 && only !== "") return textResponse(404, "404 page not found\n");
  const results = await Promise.all(asked.map(async ({ name, check }) => ({ name, problem: await check() })));
  const lines = results.map(({ name, problem }) => (problem === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${problem}\n`));
  if (results.some(({ problem }) => problem !== undefined)) return textResponse(500, `${lines.join("")}${endpoint} check failed\n`);
  return textResponse(200, isTrue(query.get("verbose")) ? `${lines.join("")}${endpoint} check passed\n` : "ok");
}

// How cases are written down.
import type { RequestCase } from "./cases.ts";

export const MAPS = "/api/v1/namespaces/default/configmaps";
export const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
export const JSON_PATCH = { "content-type": "application/json-patch+json" };
export const MERGE = { "content-type": "application/merge-patch+json" };
export const STRATEGIC = { "content-type": "application/strategic-merge-patch+json" };
export const APPLY = { "content-type": "application/apply-patch+yaml" };
export const YAML = { "content-type": "application/yaml" };

type More = Partial<Omit<RequestCase, "method" | "path">>;
export const request = (method: string, path: string, body?: unknown, more: More = {}): RequestCase => ({
  name: more.name ?? `${method} ${path}${body === undefined ? "" : ` ${brief(body)}`}${more.as === undefined ? "" : ` as ${more.as}`}${briefHeaders(more)}`,
  method,
  path,
  ...(body === undefined ? {} : { body }),
  ...more,
});
const brief = (body: unknown): string => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return text.length > 160 ? `${text.slice(0, 120)}... (${text.length} characters)` : text;
};
const briefHeaders = ({ headers = {} }: More): string =>
  Object.entries(headers)
    .map(([name, value]) => ` (${name}: ${value})`)
    .join("");
export const get = (path: string, more?: More): RequestCase => request("GET", path, undefined, more);
export const post = (path: string, body: unknown, more?: More): RequestCase => request("POST", path, body, more);
export const put = (path: string, body: unknown, more?: More): RequestCase => request("PUT", path, body, more);
export const patch = (path: string, headers: Readonly<Record<string, string>>, body: unknown): RequestCase => request("PATCH", path, body, { headers });
export const remove = (path: string, body?: unknown): RequestCase => request("DELETE", path, body);

export const map = (name: string, more: Readonly<Record<string, unknown>> = {}): unknown => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  ...more,
});
export const deployment = (change: Readonly<Record<string, unknown>> = {}): unknown => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "form" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "form" } },
    template: {
      metadata: { labels: { app: "form" } },
      spec: { containers: [{ name: "a", image: "a:1", env: [{ name: "A", value: "1" }], ports: [{ containerPort: 80 }] }] },
    },
    ...change,
  },
});

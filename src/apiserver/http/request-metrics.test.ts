// What /metrics tells of the requests that came.
import { expect, it } from "vitest";
import { startTestServer, USER_TOKEN } from "../testing.ts";

it("counts requests by what they were for, and only in labels that the server knows", async () => {
  const { request } = await startTestServer();
  const path = "/api/v1/namespaces/default/configmaps";
  await request("POST", path, { body: { metadata: { name: "a" } } });
  await request("POST", `${path}?dryRun=All`, { body: { metadata: { name: "b" } } });
  await request("GET", `${path}/a`);
  await request("GET", `${path}/none`);
  await request("GET", "/api/v1/configmaps");
  await request("GET", path, { token: USER_TOKEN });
  await request("BREW", `${path}/a`);
  await request("GET", "/apis/nowhere/v1/things");
  const lines = (await request("GET", "/metrics")).text.split("\n");
  const counted = lines.flatMap((line) => {
    const [, labels = "", count] = /^apiserver_request_total\{(.*)\} (\d+)$/.exec(line) ?? [];
    const label = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? "";
    return label("resource") === "configmaps" ? [`${label("verb")} ${label("scope")} ${label("dry_run")} ${label("code")}: ${count}`] : [];
  });
  expect(counted.sort()).toEqual([
    ...["GET resource  200: 1", "GET resource  404: 1", "LIST cluster  200: 1", "LIST namespace  403: 1"],
    ...["OTHER resource  405: 1", "POST namespace  201: 1", "POST namespace All 201: 1"],
  ]);
  expect(lines.filter((line) => line.includes("nowhere") || line.includes("things"))).toEqual([]);
  expect(lines).toContain('apiserver_resource_objects{group="",resource="namespaces"} 4');
  expect(lines).toContain('apiserver_current_inflight_requests{request_kind="readOnly"} 1');
  expect(lines).toContain('apiserver_current_inflight_requests{request_kind="mutating"} 0');
  expect(lines.some((line) => line.startsWith("kubernetes_build_info{"))).toBe(true);
});

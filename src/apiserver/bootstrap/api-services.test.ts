// The APIServices of a server that starts over what an earlier one, or a user, left.
import { expect, it } from "vitest";
import { type APIService, apiServices } from "../../api/index.ts";
import { startTestServer } from "../testing.ts";

function apiService(version: string, group: string, service?: { readonly namespace: string; readonly name: string }): APIService {
  return {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: `${version}.${group}` },
    spec: { group, version, groupPriorityMinimum: 100, versionPriority: 100, ...(service === undefined ? {} : { service, insecureSkipTLSVerify: true }) },
  };
}

it("completes a local one that lacks its condition, and leaves one alone that names a server", async () => {
  const { client, clock } = await startTestServer();
  await client.create(apiServices, apiService("v1", "apps"));
  await client.create(apiServices, apiService("v1beta1", "metrics.k8s.io", { namespace: "kube-system", name: "metrics-server" }));
  await clock.advance(1000);
  const conditionsOf = async (name: string) => (await client.get(apiServices, { name })).status?.conditions?.map(({ type, reason }) => [type, reason]);
  expect(await conditionsOf("v1.apps")).toEqual([["Available", "Local"]]);
  expect(await conditionsOf("v1.batch")).toEqual([["Available", "Local"]]);
  expect(await conditionsOf("v1beta1.metrics.k8s.io")).toBeUndefined();
});

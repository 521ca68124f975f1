import { describe, expect, it } from "vitest";
import type { IPAddress, ServiceCIDR } from "../api/index.ts";
import { planServiceCidr } from "./service-cidr.ts";
import { ago, NOW_MS } from "./testing.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";

function range(name: string, cidrs: string[], more: { deletedAgo?: number; finalizers?: string[]; ready?: string } = {}): ServiceCIDR {
  const { deletedAgo, finalizers = [FINALIZER], ready } = more;
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "ServiceCIDR",
    metadata: { name, finalizers, ...(deletedAgo === undefined ? {} : { deletionTimestamp: ago(deletedAgo) }) },
    spec: { cidrs },
    status: ready === undefined ? {} : { conditions: [{ type: "Ready", status: ready, reason: "", message: "", lastTransitionTime: ago(60) }] },
  };
}

const address = (name: string, labels = { "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io" }): IPAddress =>
  ({ apiVersion: "networking.k8s.io/v1", kind: "IPAddress", metadata: { name, labels }, spec: {} }) as unknown as IPAddress;

function outcome(of: ServiceCIDR, others: ServiceCIDR[] = [], addresses: IPAddress[] = []): string {
  const { actions, requeueAfterMs } = planServiceCidr({ range: of, ranges: [of, ...others], addresses }, NOW_MS);
  const [action] = actions;
  if (action === undefined) return requeueAfterMs === undefined ? "nothing" : `waits ${requeueAfterMs}`;
  if (action.do !== "update") return action.do;
  const written = action.object as ServiceCIDR;
  const [ready] = written.status?.conditions ?? [];
  return action.subresource === "status" ? `Ready ${ready?.status} ${ready?.reason}`.trim() : `finalizers ${(written.metadata.finalizers ?? []).length}`;
}

describe("a ServiceCIDR", () => {
  const cidrs = ["10.200.0.0/24"];
  it.each<[string, ServiceCIDR, ServiceCIDR[], IPAddress[], string]>([
    ["is protected first", range("a", cidrs, { finalizers: [] }), [], [], "finalizers 1"],
    ["is ready then", range("a", cidrs), [], [], "Ready True"],
    ["is left alone when it is ready", range("a", cidrs, { ready: "True" }), [], [], "nothing"],
    ["stays while an address is in use", range("a", cidrs, { deletedAgo: 20, ready: "True" }), [], [address("10.200.0.7")], "Ready False Terminating"],
    ["goes when none is", range("a", cidrs, { deletedAgo: 20 }), [], [address("10.96.0.1")], "finalizers 0"],
    ["goes not before all servers know", range("a", cidrs, { deletedAgo: 4 }), [], [], "waits 6000"],
    ["goes when another range holds it", range("a", cidrs, { deletedAgo: 20 }), [range("b", ["10.200.0.0/16"])], [address("10.200.0.7")], "finalizers 0"],
    [
      "goes when another range holds what is used",
      range("a", cidrs, { deletedAgo: 20 }),
      [range("b", ["10.200.0.0/28"])],
      [address("10.200.0.7")],
      "finalizers 0",
    ],
    ["does not care for others' addresses", range("a", cidrs, { deletedAgo: 20 }), [], [address("10.200.0.7", {} as never)], "finalizers 0"],
  ])("%s", (_what, of, others, addresses, expected) => {
    expect(outcome(of, others, addresses)).toBe(expected);
  });
});

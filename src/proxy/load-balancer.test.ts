import { beforeEach, describe, expect, it } from "vitest";
import type { Service } from "../api/index.ts";
import { byAge, LoadBalancerPorts } from "./load-balancer.ts";
import { servicePort, testService } from "./testing.ts";

const balancer = (name: string, ...ports: number[]): Service =>
  testService(name, { type: "LoadBalancer", clusterIP: "10.96.0.20", ports: ports.map((port) => servicePort("TCP", port)) });

describe("the ports of load balancers", () => {
  /** Ports that other programs have. */
  let foreign: Set<string>;
  let open: Set<string>;
  let hostPorts: Set<string>;
  let balancers: LoadBalancerPorts;

  beforeEach(() => {
    foreign = new Set();
    open = new Set();
    hostPorts = new Set();
    const reserver = {
      reserve: async (name: string) => {
        if (foreign.has(name)) return undefined;
        open.add(name);
        return { release: () => void open.delete(name) };
      },
    };
    balancers = new LoadBalancerPorts(reserver, (name) => hostPorts.has(name));
  });

  it("are held while the service wants them, and let go with it", async () => {
    expect([...(await balancers.settle("default/web", balancer("web", 80, 443))).held]).toEqual(["TCP/80", "TCP/443"]);
    expect(balancers.published()).toEqual(["default/web"]);
    await balancers.settle("default/web", balancer("web", 443));
    expect([...open]).toEqual(["TCP/443"]);
    await balancers.settle("default/web", testService("web", { type: "ClusterIP", clusterIP: "10.96.0.20", ports: [servicePort("TCP", 443)] }));
    expect([[...open], balancers.published()]).toEqual([[], []]);
  });

  it("are all held or none, and it is told who has one", async () => {
    foreign.add("TCP/443");
    expect(await balancers.settle("default/web", balancer("web", 80, 443))).toMatchObject({ takenPort: "TCP/443", by: "another program of this machine" });
    expect([[...open], balancers.published(), [...balancers.waiting]]).toEqual([[], [], ["default/web"]]);
    foreign.clear();
    expect([...(await balancers.settle("default/web", balancer("web", 80, 443))).held]).toHaveLength(2);
    expect(balancers.waiting.size).toBe(0);
  });

  it("stay with the service that came first, and with pods", async () => {
    await balancers.settle("default/a", balancer("a", 80));
    expect(await balancers.settle("default/b", balancer("b", 80))).toMatchObject({ takenPort: "TCP/80", by: "service default/a" });
    hostPorts.add("TCP/81");
    expect(await balancers.settle("default/c", balancer("c", 81))).toMatchObject({ by: "the host port of a pod" });
    await balancers.settle("default/a", undefined);
    expect([...(await balancers.settle("default/b", balancer("b", 80))).held]).toEqual(["TCP/80"]);
    // The scheduler gave the port to a pod.
    hostPorts.add("TCP/80");
    expect(await balancers.settle("default/b", balancer("b", 80))).toMatchObject({ takenPort: "TCP/80", by: "the host port of a pod" });
    expect(open.size).toBe(0);
  });

  it("are none of this balancer's when the service has another class", async () => {
    const other = balancer("web", 80);
    expect((await balancers.settle("default/web", { ...other, spec: { ...other.spec, loadBalancerClass: "example.com/lb" } })).held.size).toBe(0);
  });

  it("go to the oldest service first", () => {
    const created = (name: string, creationTimestamp: string): Service => ({
      ...balancer(name, 80),
      metadata: { name, namespace: "default", creationTimestamp },
    });
    const services = [created("c", "2026-01-02T00:00:00Z"), created("b", "2026-01-01T00:00:00Z"), created("a", "2026-01-02T00:00:00Z")];
    expect(byAge(services)).toEqual(["default/b", "default/a", "default/c"]);
  });
});

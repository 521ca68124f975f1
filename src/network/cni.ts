// The CNI configuration that containerd gives to the standard plugins (https://www.cni.dev/docs/spec/).
import type { NetworkPlan } from "./plan.ts";

/** Name of the bridge that joins the pods of a node. */
export const POD_BRIDGE = "kubets0";

/** The content of the one file in the CNI configuration folder. `stateFolder` keeps which address is whose. */
export function cniConfig(plan: NetworkPlan, stateFolder: string): string {
  const bridge = {
    type: "bridge",
    bridge: POD_BRIDGE,
    isGateway: true,
    hairpinMode: true,
    ipam: { type: "host-local", dataDir: stateFolder, ranges: [[{ subnet: plan.podCidr, gateway: plan.gateway }]], routes: [{ dst: "0.0.0.0/0" }] },
  };
  return `${JSON.stringify({ cniVersion: "1.0.0", name: "kubets", plugins: [bridge] }, undefined, 2)}\n`;
}

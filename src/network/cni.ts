// The CNI configuration that containerd gives to the standard plugins (https://www.cni.dev/docs/spec/). Host ports are not in it:
// the proxy opens them, which spares each pod a program and the machine iptables.
import { ipFamilyOf } from "../api/index.ts";
import type { NetworkPlan } from "./plan.ts";

/** Name of the bridge that joins the pods of a node. */
export const POD_BRIDGE = "kubets0";

export interface CniOptions {
  /** Keeps which address is whose. */
  readonly stateFolder: string;
  /** Largest packet that leaves the machine; absent: the plugin's default. */
  readonly mtu?: number;
}

const EVERYWHERE = { IPv4: "0.0.0.0/0", IPv6: "::/0" } as const;

/** The content of the one file in the CNI configuration folder. */
export function cniConfig({ networks }: NetworkPlan, { stateFolder, mtu }: CniOptions): string {
  const bridge = {
    type: "bridge",
    bridge: POD_BRIDGE,
    isGateway: true,
    hairpinMode: true,
    ...(mtu === undefined ? {} : { mtu }),
    ipam: {
      type: "host-local",
      dataDir: stateFolder,
      ranges: networks.map(({ podCidr, gateway }) => [{ subnet: podCidr, gateway }]),
      routes: networks.map(({ podCidr }) => ({ dst: EVERYWHERE[ipFamilyOf(podCidr)] })),
    },
  };
  return `${JSON.stringify({ cniVersion: "1.0.0", name: "kubets", plugins: [bridge] }, undefined, 2)}\n`;
}

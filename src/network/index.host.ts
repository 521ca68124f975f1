// The part of network/ that touches the machine.
export { createLinuxNetwork, type LinuxNetworkOptions, machineMtu, removeLinuxNetwork } from "./linux.host.ts";
export { findNodeAddress } from "./node-address.host.ts";

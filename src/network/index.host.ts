// The part of network/ that touches the machine.
export { createLinuxNetwork, findNodeAddress, type LinuxNetworkOptions, removeLinuxNetwork } from "./linux.host.ts";

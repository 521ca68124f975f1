// The public face of proxy/ for files that may touch the machine.
export { createNftApplier, type NftOptions, removeServiceRules } from "./nft.host.ts";
export { openHealthPort, portReserver } from "./ports.host.ts";

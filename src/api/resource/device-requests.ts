// The device requests that ResourceClaim and ResourceClaimTemplate share.
import type { Mutable } from "../../base/index.ts";
import type { DeviceClaim, DeviceSubRequest, ExactDeviceRequest } from "../generated/types.ts";

/** A request that does not say how many asks for exactly one device. */
export function defaultDeviceClaim(claim: Mutable<DeviceClaim> | undefined): void {
  for (const request of claim?.requests ?? []) {
    if (request.exactly !== undefined) defaultCount(request.exactly);
    for (const alternative of request.firstAvailable ?? []) defaultCount(alternative);
  }
}

function defaultCount(request: Mutable<ExactDeviceRequest | DeviceSubRequest>): void {
  request.allocationMode ||= "ExactCount";
  if (request.allocationMode === "ExactCount") request.count ||= 1;
}

// DeviceClass (resource.k8s.io/v1): a class of devices that claims ask for
// (https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { DeviceClass } from "../generated/types.ts";
import { validateDeviceClass } from "./device-class-validation.ts";

export const deviceClasses = kind<DeviceClass>("resource.k8s.io/v1", "DeviceClass", {
  columns: [nameColumn(), ageColumn()],
  validateCreate: validateDeviceClass,
  validateUpdate: validateDeviceClass,
});

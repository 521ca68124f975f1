// An object that the server creates for itself, without what its kind says anyway.
import type { ObjectName } from "../../client/index.ts";

export type BootstrapObject = object & { readonly metadata: ObjectName & { readonly annotations?: Readonly<Record<string, string>> }; readonly spec?: object };

// Keeps an IPAddress for each address of a service: the record of who has what, for people and for the controller that guards
// ServiceCIDRs (https://kubernetes.io/docs/reference/kubernetes-api/networking/ip-address-v1/). The services are the truth; a
// record that is missing, of a service that is gone, or deleted by hand, is put right. Others' IPAddresses are left alone.
import { type IPAddress, ipAddresses, ipFamilyOf, isStatus, objectKey, type Service, services } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { type Client, createReconciler } from "../../client/index.ts";
import type { ObjectReader } from "../object-reader.ts";
import { canonicalAddress } from "./address-pool.ts";

const FAMILY_LABEL = "ipaddress.kubernetes.io/ip-family";
const MANAGED_BY_LABEL = "ipaddress.kubernetes.io/managed-by";
const MANAGER = "ipallocator.k8s.io";
const WORKERS = 4;

/** Not made by this server for a service. */
export function isForeignAddress({ metadata }: IPAddress): boolean {
  return metadata.labels?.[MANAGED_BY_LABEL] !== MANAGER;
}

/** In their one text. */
export function serviceAddresses({ spec }: Service): string[] {
  const all = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return all.filter((address) => address !== "" && address !== "None").map(canonicalAddress);
}

/** Returns the way to stop it. */
export function keepIpAddresses(env: Env, objects: ObjectReader, client: Client): () => void {
  /** Address → key of its service. */
  const owners = new Map<string, string>();
  const reconciler = createReconciler(env, {
    name: "ip-addresses",
    workers: WORKERS,
    reconcile: async (address) => {
      const owner = owners.get(address);
      const current = objects.get(ipAddresses, "", address);
      if (current !== undefined && isForeignAddress(current)) return;
      const isRight = current?.metadata.deletionTimestamp !== undefined || (current !== undefined && keyOf(current) === owner);
      if (isRight || (current === undefined && owner === undefined)) return;
      if (current !== undefined) await unless("NotFound", client.delete(ipAddresses, { name: address }));
      if (owner !== undefined) await unless("AlreadyExists", client.create(ipAddresses, recordOf(address, owner)));
    },
  });
  const stopServices = objects.subscribe(services, (object, old) => {
    const before = old === undefined ? [] : serviceAddresses(old);
    const after = object === undefined ? [] : serviceAddresses(object);
    if (old !== undefined) for (const address of before) if (owners.get(address) === objectKey(old)) owners.delete(address);
    if (object !== undefined) for (const address of after) owners.set(address, objectKey(object));
    for (const address of new Set([...before, ...after])) if (!before.includes(address) || !after.includes(address)) reconciler.enqueue(address);
  });
  const stopAddresses = objects.subscribe(ipAddresses, (object, old) => reconciler.enqueue((object ?? old)?.metadata.name ?? ""));
  reconciler.start();
  return () => {
    stopServices();
    stopAddresses();
    void reconciler.stop();
  };
}

function keyOf({ spec }: IPAddress): string {
  return `${spec.parentRef?.namespace}/${spec.parentRef?.name}`;
}

function recordOf(address: string, owner: string): IPAddress {
  const [namespace = "", name = ""] = owner.split("/");
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "IPAddress",
    metadata: { name: address, labels: { [FAMILY_LABEL]: ipFamilyOf(address), [MANAGED_BY_LABEL]: MANAGER } },
    spec: { parentRef: { resource: "services", namespace, name } },
  };
}

async function unless(reason: "NotFound" | "AlreadyExists", work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isStatus(error, reason)) throw error;
  }
}

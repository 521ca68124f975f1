// Where a service is reached by the server itself: at one of its ready endpoints, at random, so that no service rules are needed
// on this machine. The texts are upstream's.
import { type Endpoint, endpointSlices, isStatus, type Service, services } from "../../api/index.ts";
import type { Random } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";

export interface ServiceEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface ServicePortName {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** Rejects when there is no such service or port, or nobody behind it. */
export async function locateService(client: Client, random: Random, { namespace, name, port }: ServicePortName): Promise<ServiceEndpoint> {
  const { spec } = await getService(client, namespace, name);
  if (spec?.type === "ExternalName") return { host: spec.externalName ?? "", port };
  const declared = (spec?.ports ?? []).find((candidate) => candidate.port === port);
  if (declared === undefined) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const { items } = await client.list(endpointSlices, { namespace, labelSelector: `kubernetes.io/service-name=${name}` });
  const found = items.flatMap(({ endpoints, ports = [] }) => {
    const target = ports.find((candidate) => (candidate.name ?? "") === (declared.name ?? ""))?.port;
    return target === undefined ? [] : (endpoints ?? []).filter(isReady).map(({ addresses }) => ({ host: addresses[0] ?? "", port: target }));
  });
  const chosen = found[Math.floor(random.next() * found.length)];
  if (chosen === undefined) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return chosen;
}

function isReady({ conditions }: Endpoint): boolean {
  return conditions?.ready !== false;
}

async function getService(client: Client, namespace: string, name: string): Promise<Service> {
  try {
    return await client.get(services, { namespace, name });
  } catch (error) {
    if (isStatus(error, "NotFound")) throw new Error(`service ${JSON.stringify(name)} not found`);
    throw error;
  }
}

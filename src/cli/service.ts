// `kubets service NAME --url`
import { services } from "../api/index.ts";
import { adminClient } from "./admin-client.ts";
import { type PlaceFlags, runningPlace } from "./place.ts";
import { UserError } from "./progress.ts";

export interface ServiceFlags extends PlaceFlags {
  readonly namespace: string;
  readonly url?: boolean;
}

export async function service(name: string, flags: ServiceFlags): Promise<void> {
  const { paths, state } = await runningPlace(flags);
  const { client, close } = await adminClient(paths);
  try {
    const found = await client.get(services, { name, namespace: flags.namespace });
    const ports = (found.spec.ports ?? []).filter(({ nodePort }) => nodePort !== undefined && nodePort > 0);
    if (ports.length === 0)
      throw new UserError(
        `service ${flags.namespace}/${name} has no node port; make it one with: kubectl patch service ${name} -n ${flags.namespace} -p '{"spec":{"type":"NodePort"}}'`,
      );
    for (const { nodePort, name: portName, port } of ports) {
      const url = `http://${state.nodeIp}:${nodePort}`;
      console.log(flags.url === true ? url : `${flags.namespace}/${name}\t${portName ?? port}\t${url}`);
    }
  } finally {
    close();
  }
}

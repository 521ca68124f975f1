// Writers that keep a cluster busy and remember what it has acknowledged, for tests that break it meanwhile.
import { type ConfigMap, configMaps } from "../../src/api/index.ts";
import { adminClient } from "../../src/cli/admin-client.ts";
import { clusterPaths } from "../../src/cluster/data-folder.ts";

export interface Load {
  /** Ends the writers; tells what they were promised. */
  stop(): Promise<Acknowledged>;
}

export interface Acknowledged {
  /** Names of the ConfigMaps whose creation was answered with success. */
  readonly created: readonly string[];
  /** The highest value that each counter was acknowledged at, by the ConfigMap's name. */
  readonly counters: ReadonlyMap<string, number>;
}

const PAUSE_AFTER_FAILURE_MS = 20;

/** `writers` writers; each creates ConfigMaps and counts up one of its own, without pause, through all failures. */
export async function startLoad(dataDirectory: string, writers: number, label: string): Promise<Load> {
  const { client, close } = await adminClient(clusterPaths(dataDirectory));
  const created: string[] = [];
  const counters = new Map<string, number>();
  let stopped = false;
  const acknowledged = async (write: () => Promise<unknown>): Promise<boolean> => {
    try {
      await write();
      return true;
    } catch {
      // What failed was not promised; the cluster may be away.
      await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_FAILURE_MS));
      return false;
    }
  };
  const write = async (counter: string): Promise<void> => {
    for (let number = 1; !stopped; number++) {
      const name = `${counter}-${number}`;
      if (await acknowledged(() => client.create(configMaps, configMap(name, "written")))) created.push(name);
      const body = { data: { value: `${number}` } };
      if (await acknowledged(() => client.patch(configMaps, { namespace: "default", name: counter }, { type: "merge", body }))) counters.set(counter, number);
    }
  };
  const names = Array.from({ length: writers }, (_, writer) => `${label}-${writer}`);
  for (const name of names) await client.create(configMaps, configMap(name, "0"));
  const running = Promise.all(names.map(write));
  return {
    stop: async () => {
      stopped = true;
      await running;
      close();
      return { created, counters };
    },
  };
}

function configMap(name: string, value: string): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "default", name }, data: { value } };
}

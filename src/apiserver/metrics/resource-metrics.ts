// What a kubelet tells under /metrics/resource
// (https://kubernetes.io/docs/reference/instrumentation/node-metrics/), read out of the Prometheus text format
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure. Other metrics are passed over.

export interface NodeReading {
  /** By the node's clock. */
  readonly atMs: number;
  /** Since the node started. */
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export interface ContainerReading extends NodeReading {
  readonly startedAtMs: number;
}

export interface Reading {
  /** Undefined when the kubelet did not tell. */
  readonly node: NodeReading | undefined;
  /** By `namespace/pod`, then by the container's name. Only containers of which everything is known. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, ContainerReading>>;
}

type Partly = { -readonly [Field in keyof ContainerReading]?: number };

/** Fields of a reading by the metrics that hold them; times and durations are in seconds there. */
const NODE_FIELDS: Readonly<Record<string, keyof NodeReading>> = {
  node_cpu_usage_seconds_total: "cpuSeconds",
  node_memory_working_set_bytes: "memoryBytes",
};
const CONTAINER_FIELDS: Readonly<Record<string, keyof ContainerReading>> = {
  container_cpu_usage_seconds_total: "cpuSeconds",
  container_memory_working_set_bytes: "memoryBytes",
  container_start_time_seconds: "startedAtMs",
};
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: (\d+))?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** `receivedMs`: the time of samples that carry none. */
export function parseResourceMetrics(text: string, receivedMs: number): Reading {
  const node: Partly = {};
  const containers = new Map<string, Map<string, Partly>>();
  for (const line of text.split("\n")) {
    const [, name = "", labelText = "", value = "", time] = SAMPLE.exec(line) ?? [];
    const nodeField = NODE_FIELDS[name];
    const field = CONTAINER_FIELDS[name];
    const number = Number(value);
    if (value === "" || Number.isNaN(number) || (nodeField === undefined && field === undefined)) continue;
    let target = node;
    if (field !== undefined) {
      const labels = parseLabels(labelText);
      const pod = `${labels.get("namespace") ?? ""}/${labels.get("pod") ?? ""}`;
      target = entry(
        entry(containers, pod, () => new Map<string, Partly>()),
        labels.get("container") ?? "",
        () => ({}),
      );
    }
    target[nodeField ?? field ?? "atMs"] = field === "startedAtMs" ? number * 1000 : number;
    if (field === "cpuSeconds" || nodeField === "cpuSeconds") target.atMs = time === undefined ? receivedMs : Number(time);
  }
  return { node: isNodeReading(node) ? node : undefined, pods: complete(containers) };
}

function complete(containers: ReadonlyMap<string, ReadonlyMap<string, Partly>>): Reading["pods"] {
  const pods = new Map<string, Map<string, ContainerReading>>();
  for (const [pod, own] of containers) {
    const readings = [...own].flatMap(([name, reading]) => (isContainerReading(reading) ? [[name, reading] as const] : []));
    if (readings.length > 0) pods.set(pod, new Map(readings));
  }
  return pods;
}

function isNodeReading(reading: Partly): reading is Partly & NodeReading {
  return reading.atMs !== undefined && reading.cpuSeconds !== undefined && reading.memoryBytes !== undefined;
}

function isContainerReading(reading: Partly): reading is Partly & ContainerReading {
  return isNodeReading(reading) && reading.startedAtMs !== undefined;
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}

function parseLabels(text: string): Map<string, string> {
  const unescaped = (value: string): string => value.replaceAll(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
  return new Map([...text.matchAll(LABEL)].map(([, name = "", value = ""]) => [name, unescaped(value)]));
}

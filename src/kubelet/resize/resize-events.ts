// The texts of resize events: what happens, and the resources of every container as JSON, for whoever watches events.
import type { Container, Pod } from "../../api/index.ts";

/** E.g. `Pod resize started: {"containers":[{"name":"web","resources":{…}}],"generation":2}`. */
export function resizeEventText(what: string, { spec }: Pod, generation: number, error = ""): string {
  const summary = (containers: readonly Container[]): object[] => containers.map(({ name, resources = {} }) => ({ name, resources }));
  const init = summary(spec.initContainers ?? []);
  const text = JSON.stringify({
    ...(init.length === 0 ? {} : { initContainers: init }),
    containers: summary(spec.containers),
    generation,
    ...(error === "" ? {} : { error }),
  });
  return `${what}: ${text}`;
}

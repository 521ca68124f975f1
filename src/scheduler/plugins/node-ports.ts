// NodePorts: two pods cannot have the same port of a node; the address 0.0.0.0 means all of them.
import { hostPortsConflict } from "../../api/index.ts";
import { plugin, unschedulable } from "../plugin.ts";

export const nodePorts = plugin("NodePorts", {
  applies: ({ hostPorts }) => hostPorts.length > 0,
  filter: ({ hostPorts }, node) =>
    hostPorts.every((port) => node.hasPortFree(port)) ? undefined : unschedulable("node(s) didn't have free ports for the requested pod ports"),
  helpedBy: ["nodeAdded", "podRemoved"],
  helps: ({ hostPorts }, event) => {
    if (event.type === "nodeAdded") return true;
    return event.type === "podRemoved" && event.pod.hostPorts.some((freed) => hostPorts.some((wanted) => hostPortsConflict(wanted, freed)));
  },
});

// Flags of `kubets start` that say what the node is to be, in the form that upstream's kubelet takes them.
import { checkLabelValue, checkQualifiedName, mayKubeletSet, type Taint } from "../api/index.ts";
import { OptionsError } from "./options.ts";

const EFFECTS: readonly string[] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** `key=value,key=value`. Throws `OptionsError`. */
export function parseNodeLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const part of split(text)) {
    const [key = "", value = "", ...more] = part.split("=");
    if (!part.includes("=") || more.length > 0 || !isKey(key) || !isValue(value)) {
      throw new OptionsError(`--node-labels must be pairs such as disk=ssd,zone=a, not "${part}"`);
    }
    if (!mayKubeletSet(key)) {
      const right = "of kubernetes.io and k8s.io a node may use kubelet.kubernetes.io/, node.kubernetes.io/ and topology.kubernetes.io/region and zone";
      throw new OptionsError(`--node-labels: a node may not give itself the label ${key}; ${right}`);
    }
    labels[key] = value;
  }
  return labels;
}

/** `key=value:Effect,key:Effect`. Throws `OptionsError`. */
export function parseTaints(text: string): Taint[] {
  return split(text).map((part) => {
    const colon = part.lastIndexOf(":");
    const [key = "", value, ...more] = part.slice(0, Math.max(0, colon)).split("=");
    const effect = part.slice(colon + 1);
    if (colon === -1 || more.length > 0 || !isKey(key) || !isValue(value ?? "") || !EFFECTS.includes(effect)) {
      throw new OptionsError(`--register-with-taints must be taints such as dedicated=db:NoSchedule with an effect of ${EFFECTS.join(", ")}, not "${part}"`);
    }
    return { key, ...(value === undefined || value === "" ? {} : { value }), effect };
  });
}

function split(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function isKey(text: string): boolean {
  return checkQualifiedName(text).length === 0;
}
function isValue(text: string): boolean {
  return checkLabelValue(text).length === 0;
}

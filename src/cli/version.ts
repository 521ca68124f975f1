// `kubets version`
import { kubernetesVersion } from "../api/index.ts";

export function version(options: { output: "text" | "json" }): void {
  const versions = { kubets: process.env["KUBETS_VERSION"] ?? "unbuilt", kubernetes: kubernetesVersion, node: process.version };
  if (options.output === "json") console.log(JSON.stringify(versions));
  else console.log(`kubets ${versions.kubets} (Kubernetes ${versions.kubernetes}, Node ${versions.node})`);
}

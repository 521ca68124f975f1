// How the kubelet of `kubets start` is configured: the file that was named, then the flags, which win.
import { readFile } from "node:fs/promises";
import { type KubeletConfiguration, KubeletConfigurationError, readKubeletConfiguration } from "../kubelet/index.ts";
import type { ClusterPaths } from "./data-folder.ts";
import { type NodeOptions, OptionsError } from "./options.ts";

/** Throws `OptionsError`, which names the file and each field that is wrong. */
export async function nodeConfiguration(paths: ClusterPaths, options: NodeOptions): Promise<Partial<KubeletConfiguration>> {
  const { kubeletConfig: file, podManifestPath, maxPods, registerWithTaints, runtime } = options;
  const configured = file === undefined ? undefined : await readFileOf(file);
  const asked = podManifestPath ?? (configured?.staticPodPath === "" ? undefined : configured?.staticPodPath);
  if (runtime === "simulated" && asked !== undefined) {
    throw new OptionsError(`static pods (${asked}) need real containers; a simulated node has no files of this machine`);
  }
  return {
    ...configured,
    staticPodPath: runtime === "simulated" ? "" : (asked ?? paths.staticPods),
    ...(maxPods === undefined ? {} : { maxPods }),
    ...(registerWithTaints === undefined ? {} : { registerWithTaints }),
  };
}

async function readFileOf(file: string): Promise<KubeletConfiguration> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new OptionsError(`--kubelet-config: cannot read ${file}: ${error.message}`);
  });
  try {
    return readKubeletConfiguration(text);
  } catch (error) {
    if (error instanceof KubeletConfigurationError) throw new OptionsError(`--kubelet-config: ${file}: ${error.message}`);
    throw error;
  }
}

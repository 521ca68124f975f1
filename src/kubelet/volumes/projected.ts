// https://kubernetes.io/docs/concepts/storage/projected-volumes/. Later sources win over earlier ones at the same path. The
// files lie in memory, for there may be secrets and tokens among them.
import type { VolumeProjection } from "../../api/index.ts";
import { projectFiles } from "./projected-directory.ts";
import { configMapFiles, DEFAULT_MODE, downwardFiles, type Files, secretFiles, tokenFiles } from "./projections.ts";
import { type VolumeContext, VolumeError, volume } from "./volume.ts";

export const projected = volume("projected", {
  followsSource: true,
  setUp: async ({ sources = [], defaultMode = DEFAULT_MODE }, context) => {
    const files: Files = new Map();
    let refreshAtMs: number | undefined;
    for (const source of sources) {
      const part = await filesOf(context, source, defaultMode);
      for (const [path, file] of part.files) files.set(path, file);
      if (part.refreshAtMs !== undefined) refreshAtMs = Math.min(refreshAtMs ?? part.refreshAtMs, part.refreshAtMs);
    }
    return projectFiles(context, await context.memoryDirectory(), files, refreshAtMs);
  },
});

async function filesOf(context: VolumeContext, source: VolumeProjection, mode: number): Promise<{ files: Files; refreshAtMs?: number }> {
  if (source.configMap !== undefined) return { files: await configMapFiles(context, source.configMap, mode) };
  if (source.secret !== undefined) return { files: await secretFiles(context, source.secret, mode) };
  if (source.downwardAPI !== undefined) return { files: downwardFiles(context, source.downwardAPI, mode) };
  if (source.serviceAccountToken !== undefined) return tokenFiles(context, source.serviceAccountToken, mode);
  throw new VolumeError(`a source of projected volume ${context.spec.name} is of a type that is not supported: ${Object.keys(source).join(", ")}`);
}

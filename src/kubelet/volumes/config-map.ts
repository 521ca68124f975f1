// https://kubernetes.io/docs/concepts/storage/volumes/#configmap
import { projectFiles } from "./projected-directory.ts";
import { configMapFiles, DEFAULT_MODE } from "./projections.ts";
import { volume } from "./volume.ts";

export const configMap = volume("configMap", {
  directory: "configmap",
  followsSource: true,
  setUp: async (source, context) => projectFiles(context, context.directory, await configMapFiles(context, source, source.defaultMode ?? DEFAULT_MODE)),
});

// https://kubernetes.io/docs/concepts/storage/volumes/#downwardapi
import { projectFiles } from "./projected-directory.ts";
import { DEFAULT_MODE, downwardFiles } from "./projections.ts";
import { volume } from "./volume.ts";

export const downwardApi = volume("downwardAPI", {
  directory: "downward-api",
  followsSource: true,
  setUp: async (source, context) => projectFiles(context, await context.memoryDirectory(), downwardFiles(context, source, source.defaultMode ?? DEFAULT_MODE)),
});

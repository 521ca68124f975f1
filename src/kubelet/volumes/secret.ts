// https://kubernetes.io/docs/concepts/storage/volumes/#secret. The files lie in memory, never on disk.
import { projectFiles } from "./projected-directory.ts";
import { DEFAULT_MODE, secretFiles } from "./projections.ts";
import { volume } from "./volume.ts";

export const secret = volume("secret", {
  followsSource: true,
  setUp: async ({ secretName, items, optional, defaultMode }, context) => {
    const source = { name: secretName ?? "", ...(items === undefined ? {} : { items }), ...(optional === undefined ? {} : { optional }) };
    const files = await secretFiles(context, source, defaultMode ?? DEFAULT_MODE);
    return projectFiles(context, await context.memoryDirectory(), files);
  },
});

// https://kubernetes.io/docs/concepts/storage/volumes/#image: the files of an OCI image, read-only. The image is pulled when a
// container that mounts the volume starts, so that a missing one shows as that container's ImagePullBackOff; until then the
// volume is an empty directory.
import type { KubeletHost } from "../host.ts";
import type { RuntimeImage } from "../runtime/runtime.ts";
import { type ImageViews, volume } from "./volume.ts";

export const image = volume("image", {
  setUp: async (_source, { host, directory }) => {
    await host.files.makeDirectory(directory, 0o755);
    return { path: directory, readOnly: true };
  },
  tearDown: async ({ host, images, directory }) => {
    await host.mounts.unmount(directory);
    await images.releaseImageView(directory);
  },
});

/** Once for the life of the volume: a newer image under the same name is for the pods after this one. */
export async function mountImage(parts: { readonly host: KubeletHost; readonly runtime: ImageViews }, { id }: RuntimeImage, directory: string): Promise<void> {
  const { host, runtime } = parts;
  if ((await host.mounts.mountPoints(directory)).includes(directory)) return;
  const { type, source, options } = await runtime.imageView(id, directory);
  // Files of an image volume are data: they are not run.
  await host.mounts.mount(directory, { type, source, options: [...options.filter((option) => option !== "rw" && option !== "ro"), "ro", "noexec"] });
}

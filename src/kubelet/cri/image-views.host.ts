// The files of an image, out of containerd's snapshots: CRI has a call for them only since containerd 2.1, the snapshot service
// on the same socket has always had one (https://github.com/containerd/containerd/blob/release/1.6/api/services/snapshots/v1/snapshots.proto).
// An image's layers are unpacked as a chain of snapshots; a view of the last one shows them all, and the label keeps containerd's
// garbage collector from it.
import { present } from "../../base/index.ts";
import { type ContainerRuntime, type FileSystemMount, RuntimeError } from "../runtime/runtime.ts";
import type { CriConnection } from "./grpc.host.ts";
import { methods, snapshotMethods } from "./messages.ts";

const IN_NAMESPACE = { "containerd-namespace": "k8s.io" };
const DEFAULT_SNAPSHOTTER = "overlayfs";
/** The value is for people: when the snapshot was marked. */
const KEEP_LABEL = "containerd.io/gc.root";

export function imageViewMethods(connection: CriConnection): Pick<ContainerRuntime, "imageView" | "releaseImageView"> {
  let known: Promise<string> | undefined;
  const snapshotter = (): Promise<string> => {
    known ??= readSnapshotter(connection).catch((error: unknown) => {
      known = undefined;
      throw error;
    });
    return known;
  };
  const call = async (method: (typeof snapshotMethods)[keyof typeof snapshotMethods], request: object): Promise<readonly FileSystemMount[]> => {
    const answer = await connection.call(method, { snapshotter: await snapshotter(), ...request }, undefined, IN_NAMESPACE);
    return (answer["mounts"] as readonly FileSystemMount[] | undefined) ?? [];
  };
  return {
    async imageView(image, key) {
      const mounts = await orNothing(call(snapshotMethods.mounts, { key }));
      const parent = mounts === undefined ? await chainOf(connection, image) : "";
      const found = mounts ?? (await call(snapshotMethods.view, { key, parent, labels: { [KEEP_LABEL]: "in use by a pod" } }));
      const [mount] = found;
      if (mount === undefined || found.length > 1) throw new RuntimeError("other", `image ${image} needs ${found.length} mounts; one is supported`);
      return mount;
    },
    async releaseImageView(key) {
      await orNothing(call(snapshotMethods.remove, { key }));
    },
  };
}

async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RuntimeError && error.reason === "notFound") return undefined;
    throw error;
  }
}

/** The name of the snapshot that has all layers of the image. */
async function chainOf(connection: CriConnection, image: string): Promise<string> {
  const answer = await connection.call(methods.imageStatus, { image: { image }, verbose: true });
  const info = infoOf(answer["info"]) as { readonly chainID?: string };
  return present(info.chainID, `the chain of layers of image ${image}`);
}

async function readSnapshotter(connection: CriConnection): Promise<string> {
  const answer = await connection.call(methods.status, { verbose: true });
  const text = (answer["info"] as Readonly<Record<string, string>> | undefined)?.["config"];
  const config = JSON.parse(text ?? "{}") as { readonly containerd?: { readonly snapshotter?: string } };
  return config.containerd?.snapshotter ?? DEFAULT_SNAPSHOTTER;
}

/** Verbose answers carry JSON in a map of texts. */
function infoOf(info: unknown): object {
  const text = (info as Readonly<Record<string, string>> | undefined)?.["info"];
  return text === undefined ? {} : (JSON.parse(text) as object);
}

// Container images as OCI image layouts in a tar archive (https://github.com/opencontainers/image-spec/blob/main/image-layout.md),
// the form that containerd imports. Layers are uncompressed: they go to the same machine's disk.
//
// Invariant: the same input gives the same bytes, and so the same digests: no clock and no host names get in.
import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { type Header, pack } from "tar-stream";

/** One file, directory or symbolic link of a layer; paths are relative to the image's root. */
export interface LayerEntry {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  /** Permission bits; 0755 for directories and 0644 for files when absent. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly content?: Uint8Array;
  readonly linkTarget?: string;
}

/** The `config` object of the image configuration (image-spec/config.md). */
export interface ImageRunConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
}

/** A layer as a tar archive and the digest of its uncompressed content. */
export interface ImageLayer {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly diffId: string;
}

export interface ImageArchive {
  /** All the names that the image is to have. */
  readonly names: readonly string[];
  readonly layers: readonly ImageLayer[];
  readonly config: ImageRunConfig;
}

const layerMediaType = "application/vnd.oci.image.layer.v1.tar";
const manifestMediaType = "application/vnd.oci.image.manifest.v1+json";
const configMediaType = "application/vnd.oci.image.config.v1+json";
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The layer that holds `entries`, parents before children. */
export async function buildLayer(entries: readonly LayerEntry[]): Promise<ImageLayer> {
  const bytes = await tar(entries);
  return { bytes, mediaType: layerMediaType, diffId: digest(bytes) };
}

/** The archive of images, each under its names; what they share is in it once. */
export async function buildImageArchive(...images: readonly ImageArchive[]): Promise<Uint8Array> {
  const described = images.map(describedImage);
  const index = json({ schemaVersion: 2, manifests: described.flatMap(({ entries }) => entries) });
  const blobs = new Map(described.flatMap((image) => image.blobs).map((bytes) => [digest(bytes), bytes]));
  return tar([
    { path: "oci-layout", type: "file", content: json({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", type: "file", content: index },
    ...[...blobs].map(([name, content]): LayerEntry => ({ path: `blobs/${name.replace(":", "/")}`, type: "file", content })),
  ]);
}

/** The blobs of an image, and its entries in the index. */
function describedImage(image: ImageArchive): { readonly blobs: readonly Uint8Array[]; readonly entries: readonly object[] } {
  const config = json({
    architecture: architectures[process.arch] ?? process.arch,
    os: "linux",
    config: image.config,
    rootfs: { type: "layers", diff_ids: image.layers.map((layer) => layer.diffId) },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: manifestMediaType,
    config: descriptor(configMediaType, config),
    layers: image.layers.map((layer) => descriptor(layer.mediaType, layer.bytes)),
  });
  return {
    blobs: [...image.layers.map((layer) => layer.bytes), config, manifest],
    entries: image.names.map((name) => ({ ...descriptor(manifestMediaType, manifest), annotations: { "io.containerd.image.name": name } })),
  };
}

/** `sha256:` and the hexadecimal digest. */
export function digest(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function descriptor(mediaType: string, bytes: Uint8Array): object {
  return { mediaType, digest: digest(bytes), size: bytes.length };
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function tar(entries: readonly LayerEntry[]): Promise<Uint8Array> {
  const archive = pack();
  const collected = buffer(archive);
  for (const entry of entries) {
    const header: Partial<Header> & { name: string } = {
      name: entry.path,
      type: entry.type,
      mode: entry.mode ?? (entry.type === "file" ? 0o644 : 0o755),
      uid: entry.uid ?? 0,
      gid: entry.gid ?? 0,
      mtime: new Date(0),
      linkname: entry.linkTarget,
    };
    if (entry.type === "file") archive.entry(header, Buffer.from(entry.content ?? new Uint8Array(0)));
    else archive.entry(header);
  }
  archive.finalize();
  return collected;
}

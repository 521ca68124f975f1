// Watches a folder of manifests, or one manifest, and tells what static pods there are to be.
//
// Invariants: a change is heard, never looked for at intervals; a file that cannot be read as a pod is told of once per content,
// and the pod that it last described goes on; of two files with one pod's name the first counts.
import type { Pod } from "../../api/index.ts";
import type { Env, Logger, Timer } from "../../base/index.ts";
import type { KubeletHost } from "../host.ts";
import { readManifest } from "./manifest.ts";
import { fullName } from "./static-pod.ts";

export interface ManifestFolderParts {
  readonly host: KubeletHost;
  readonly nodeName: string;
  /** Absolute; what does not end in `.yaml`, `.yml` or `.json` is a folder, and made when it is missing. */
  readonly path: string;
  /** All static pods that there are to be, by `namespace/name`. */
  readonly changed: (pods: ReadonlyMap<string, Pod>) => void;
  /** A file that does not say what to run. */
  readonly invalid: (file: string, problem: string) => void;
}

export interface ManifestFolder {
  /** Resolves when the files have been read once. */
  start(): Promise<void>;
  stop(): void;
}

interface KnownFile {
  readonly content: string;
  /** Of the last content that was a pod. */
  readonly pod: Pod | undefined;
}

/** Larger files are no manifests. */
const MAX_BYTES = 10 * 2 ** 20;
/** An editor writes in several steps. */
const SETTLE_MS = 100;

export function createManifestFolder(env: Env, parts: ManifestFolderParts): ManifestFolder {
  return new WatchedFolder(env, parts);
}

class WatchedFolder implements ManifestFolder {
  private known = new Map<string, KnownFile>();
  private unwatch: () => void = () => undefined;
  private settling: Timer | undefined;
  private reading: Promise<void> = Promise.resolve();
  private stopped = false;
  private readonly isFile: boolean;
  private readonly log: Logger;

  constructor(
    private readonly env: Env,
    private readonly parts: ManifestFolderParts,
  ) {
    this.isFile = /\.(?:ya?ml|json)$/.test(parts.path);
    this.log = env.log.child("static-pods");
  }

  async start(): Promise<void> {
    const { host, path } = this.parts;
    const { isFile } = this;
    if (!isFile) await host.files.makeDirectory(path, 0o755);
    const changed = (): void => this.somethingChanged();
    this.unwatch = isFile ? host.files.watch(path, changed) : host.files.watchDirectory(path, changed);
    await this.read();
  }
  stop(): void {
    this.stopped = true;
    this.settling?.cancel();
    this.unwatch();
  }

  private somethingChanged(): void {
    this.settling?.cancel();
    if (this.stopped) return;
    this.settling = this.env.clock.setTimeout(() => {
      this.reading = this.reading
        .then(() => this.read())
        .catch((error: unknown) => this.log.error("cannot read the manifests", { path: this.parts.path, error }));
    }, SETTLE_MS);
  }

  private async read(): Promise<void> {
    const { host, path } = this.parts;
    const names = this.isFile ? [""] : (await host.files.list(path)).filter((name) => !name.startsWith("."));
    const known = new Map<string, KnownFile>();
    for (const name of names) {
      const file = name === "" ? path : `${path}/${name}`;
      const read = await this.readFile(file);
      if (read !== undefined) known.set(file, read);
    }
    if (this.stopped) return;
    this.known = known;
    this.parts.changed(this.podsByName());
  }

  /** Undefined: not there, or no file. */
  private async readFile(file: string): Promise<KnownFile | undefined> {
    const { host, nodeName, invalid } = this.parts;
    const before = this.known.get(file);
    const keep = (content: string, problem: string): KnownFile => {
      if (before?.content !== content) invalid(file, problem);
      return { content, pod: before?.pod };
    };
    try {
      const stat = await host.files.stat(file);
      if (stat?.type !== "file") return undefined;
      if (stat.sizeBytes > MAX_BYTES) return keep(`${stat.sizeBytes} bytes`, `it is larger than ${MAX_BYTES} bytes`);
      const bytes = await host.files.read(file);
      if (bytes === undefined) return undefined;
      const content = new TextDecoder().decode(bytes);
      if (before?.content === content) return before;
      const read = readManifest(bytes, { file, nodeName, nowMs: this.env.clock.now() });
      if (!read.ok) return keep(content, read.problem);
      for (const warning of read.warnings) this.log.warn("a manifest has a field that does not exist", { file, warning });
      return { content, pod: read.pod };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return keep(`unreadable: ${text}`, text);
    }
  }

  private podsByName(): Map<string, Pod> {
    const found = new Map<string, Pod>();
    const fileOf = new Map<string, string>();
    for (const [file, { pod }] of this.known) {
      if (pod === undefined) continue;
      const name = fullName(pod);
      const first = fileOf.get(name);
      if (first === undefined) {
        found.set(name, pod);
        fileOf.set(name, file);
      } else this.parts.invalid(file, `pod ${name} is in ${first} already`);
    }
    return found;
  }
}

// A registry that serves the images of the archive, for the tests whose images must be pulled: "Always" means that a registry is asked,
// whatever the node has. It speaks the pull half of https://github.com/opencontainers/distribution-spec/blob/main/spec.md on the node's
// address. containerd finds it as its documentation says (https://github.com/containerd/containerd/blob/main/docs/hosts.md): by a file that
// is there as long as the run.
import { closeSync, createReadStream, existsSync, mkdirSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { ConformanceError } from "./process.ts";

const REGISTRY = "registry.k8s.io";
const HOSTS_FILE = `/etc/containerd/certs.d/${REGISTRY}/hosts.toml`;
const MARK = "# Written by a conformance run of kubets, and removed when it ends.";

export interface Registry {
  close(): void;
}

/** Serves the archive on `address` and tells containerd. Throws `ConformanceError` when somebody else has told it of a mirror. */
export async function startRegistry(archive: string, address: string): Promise<Registry> {
  if (existsSync(HOSTS_FILE) && !readFileSync(HOSTS_FILE, "utf8").startsWith(MARK))
    throw new ConformanceError(`${HOSTS_FILE} is not ours: move it away while the conformance tests run`);
  const blobs = archiveEntries(archive);
  const manifests = taggedManifests(archive, blobs);
  const server = createServer((request, response) => serve({ archive, blobs, manifests }, request, response));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, address, resolve));
  const host = address.includes(":") ? `[${address}]` : address;
  mkdirSync(dirname(HOSTS_FILE), { recursive: true });
  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  writeFileSync(HOSTS_FILE, `${MARK}\nserver = "https://${REGISTRY}"\n\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`);
  return {
    close: () => {
      rmSync(dirname(HOSTS_FILE), { recursive: true, force: true });
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Entry {
  readonly offset: number;
  readonly size: number;
}

interface Served {
  readonly archive: string;
  /** By the name in the archive: `blobs/sha256/...`. */
  readonly blobs: ReadonlyMap<string, Entry>;
  /** Image name with tag → the digest of its manifest. */
  readonly manifests: ReadonlyMap<string, string>;
}

function serve({ archive, blobs, manifests }: Served, request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? "/", "http://registry");
  const [, name = "", what = "", reference = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? [];
  const digest = reference.startsWith("sha256:") ? reference : manifests.get(`${REGISTRY}/${name}:${reference}`);
  const entry = digest === undefined ? undefined : blobs.get(`blobs/${digest.replace(":", "/")}`);
  if (digest === undefined || entry === undefined) {
    response.writeHead(pathname === "/v2/" ? 200 : 404).end();
    return;
  }
  const type = what === "manifests" ? "application/vnd.oci.image.manifest.v1+json" : "application/octet-stream";
  response.writeHead(200, { "content-type": type, "content-length": entry.size, "docker-content-digest": digest });
  if (request.method === "HEAD") response.end();
  else createReadStream(archive, { start: entry.offset, end: entry.offset + entry.size - 1 }).pipe(response);
}

const BLOCK_BYTES = 512;

/** Where the files of a tar archive are whose names fit its plain headers. */
function archiveEntries(archive: string): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const file = openSync(archive, "r");
  try {
    const header = Buffer.alloc(BLOCK_BYTES);
    for (let offset = 0; readSync(file, header, 0, BLOCK_BYTES, offset) === BLOCK_BYTES && header[0] !== 0; ) {
      const name = header.toString("latin1", 0, 100).replace(/\0.*$/s, "");
      const size = Number.parseInt(header.toString("latin1", 124, 136), 8);
      entries.set(name, { offset: offset + BLOCK_BYTES, size });
      offset += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    }
  } finally {
    closeSync(file);
  }
  return entries;
}

function taggedManifests(archive: string, entries: ReadonlyMap<string, Entry>): Map<string, string> {
  const entry = entries.get("index.json");
  if (entry === undefined) throw new ConformanceError(`${archive} is no archive of images; remove it and run this again`);
  const bytes = Buffer.alloc(entry.size);
  const file = openSync(archive, "r");
  try {
    readSync(file, bytes, 0, entry.size, entry.offset);
  } finally {
    closeSync(file);
  }
  const index = JSON.parse(bytes.toString()) as { readonly manifests: readonly { readonly digest: string; readonly annotations: Record<string, string> }[] };
  return new Map(index.manifests.map(({ digest, annotations }) => [annotations["io.containerd.image.name"] ?? "", digest]));
}

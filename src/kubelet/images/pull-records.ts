// Which images this kubelet pulled, and with whose credentials: a pod may use an image that is here already only if anybody
// may have it, if it was here before the kubelet, or if the pod brings the credentials that it was pulled with (KEP-2535, policy
// NeverVerifyPreloadedImages). Otherwise the registry is asked again.
//
// Invariant: that a pull began is on disk before it begins, so that an image that came while the kubelet died never counts as
// one that anybody brought.
import type { Env, Logger } from "../../base/index.ts";
import type { KubeletHost } from "../host.ts";
import { parseImageName } from "./image-name.ts";

/** Credentials out of a Secret; only a digest of them is kept. */
export interface PullSecret {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly digest: string;
}

export interface PullRecords {
  /** Reads what a former kubelet wrote, and forgets images that are gone. */
  load(images: () => Promise<readonly string[]>): Promise<void>;
  /** Whether a pod with these secrets may use the image with this ID without asking the registry. */
  allows(image: string, imageId: string, secrets: () => Promise<readonly PullSecret[]>): Promise<boolean>;
  /** A pull begins. */
  began(image: string): Promise<void>;
  /** It succeeded; `secret` is undefined when it needed none. */
  succeeded(image: string, imageId: string, secret: PullSecret | undefined): Promise<void>;
  failed(image: string): Promise<void>;
}

/** Who may use an image under one name. */
interface Access {
  readonly anyone: boolean;
  readonly secrets: readonly PullSecret[];
}

interface Records {
  /** Image ID → repository → access. */
  readonly pulled: Record<string, Record<string, Access>>;
  /** Names whose pull began and did not end, with how many. */
  readonly pulling: Record<string, number>;
}

/** Of one image; past it the oldest are asked for again. */
const MAX_SECRETS = 100;

export function createPullRecords(env: Env, host: KubeletHost): PullRecords {
  return new FilePullRecords(env.log.child("images"), host);
}

class FilePullRecords implements PullRecords {
  private records: Records = { pulled: {}, pulling: {} };
  private writing: Promise<void> = Promise.resolve();
  private readonly path: string;

  constructor(
    private readonly log: Logger,
    private readonly host: KubeletHost,
  ) {
    this.path = `${host.rootDirectory}/image_manager/pulls.json`;
  }

  async load(images: () => Promise<readonly string[]>): Promise<void> {
    const data = await this.host.files.read(this.path);
    if (data === undefined) return;
    try {
      this.records = JSON.parse(new TextDecoder().decode(data)) as Records;
    } catch (error) {
      this.log.warn("cannot read which images were pulled; they count as brought by others", { path: this.path, error });
      return;
    }
    const present = new Set(await images());
    for (const id of Object.keys(this.records.pulled)) if (!present.has(id)) delete this.records.pulled[id];
  }

  async allows(image: string, imageId: string, secrets: () => Promise<readonly PullSecret[]>): Promise<boolean> {
    const record = this.records.pulled[imageId];
    if (record === undefined) return (this.records.pulling[image] ?? 0) === 0;
    const access = record[repositoryOf(image)];
    if (access === undefined) return false;
    if (access.anyone) return true;
    if (access.secrets.length === 0) return false;
    for (const secret of await secrets()) {
      const sameContent = access.secrets.some(({ digest }) => digest === secret.digest);
      if (!sameContent && !access.secrets.some((known) => isSameSecret(known, secret))) continue;
      await this.add(image, imageId, secret);
      return true;
    }
    return false;
  }

  async began(image: string): Promise<void> {
    this.records.pulling[image] = (this.records.pulling[image] ?? 0) + 1;
    await this.save();
  }
  async succeeded(image: string, imageId: string, secret: PullSecret | undefined): Promise<void> {
    await this.add(image, imageId, secret);
    await this.failed(image);
  }
  async failed(image: string): Promise<void> {
    const left = (this.records.pulling[image] ?? 0) - 1;
    if (left > 0) this.records.pulling[image] = left;
    else delete this.records.pulling[image];
    await this.save();
  }

  private async add(image: string, imageId: string, secret: PullSecret | undefined): Promise<void> {
    const record = this.records.pulled[imageId] ?? {};
    const repository = repositoryOf(image);
    const known = record[repository] ?? { anyone: false, secrets: [] };
    const others = secret === undefined ? known.secrets : known.secrets.filter((other) => !isSameSecret(other, secret));
    const added: Access = secret === undefined ? { anyone: true, secrets: [] } : { ...known, secrets: [...others, secret].slice(-MAX_SECRETS) };
    if (JSON.stringify(added) === JSON.stringify(record[repository])) return;
    this.records.pulled[imageId] = { ...record, [repository]: added };
    await this.save();
  }

  /** One write after the other; the last one has it all. */
  private save(): Promise<void> {
    const write = async (): Promise<void> => {
      const { files } = this.host;
      const directory = this.path.slice(0, this.path.lastIndexOf("/"));
      await files.makeDirectory(directory, 0o700);
      await files.write(`${this.path}.new`, new TextEncoder().encode(JSON.stringify(this.records)), 0o600);
      await files.rename(`${this.path}.new`, this.path);
    };
    this.writing = this.writing.catch(() => undefined).then(write);
    return this.writing;
  }
}

function isSameSecret(one: PullSecret, other: PullSecret): boolean {
  return one.uid === other.uid && one.namespace === other.namespace && one.name === other.name;
}

/** The name without tag and digest. */
function repositoryOf(image: string): string {
  const name = parseImageName(image);
  if (name === undefined) return image;
  return name.registry === undefined ? name.repository : `${name.registry}/${name.repository}`;
}

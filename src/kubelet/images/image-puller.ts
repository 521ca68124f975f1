// Makes an image present as a pull policy asks, with the events and waiting reasons that users know
// (https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy). One pull at a time runs per image and credentials;
// pods that want the same image share it. An image that is here already is not given to who may not have it.
import type { Pod, Secret } from "../../api/index.ts";
import { type Env, formatDuration } from "../../base/index.ts";
import { createFailureBackOff, type FailureBackOff } from "../back-off.ts";
import { podUid } from "../pods/pod-spec.ts";
import type { ContainerRuntime, RuntimeImage } from "../runtime/runtime.ts";
import { withDefaultTag } from "./image-name.ts";
import type { PullRecords, PullSecret } from "./pull-records.ts";
import { credentialsFor, type RegistryCredentials } from "./registry-credentials.ts";

export interface ImageFailure {
  readonly ok: false;
  readonly reason: "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError";
  readonly message: string;
  /** When it makes sense to try again, in wall clock time. */
  readonly retryAtMs?: number;
}

export type ImageResult = { readonly ok: true; readonly image: RuntimeImage } | ImageFailure;

export interface ImageRequest {
  readonly pod: Pod;
  /** As the user wrote it. */
  readonly image: string;
  /** Default: IfNotPresent. */
  readonly pullPolicy: string | undefined;
  /** Tells users, about the pod or about the container that wants the image. */
  readonly event: (type: "Normal" | "Warning", reason: string, message: string) => void;
  readonly secrets: () => Promise<readonly Secret[]>;
}

export interface ImagePuller {
  ensure(request: ImageRequest): Promise<ImageResult>;
  forgetPod(uid: string): void;
}

/** How long a failed pull is shown as such. */
const SHOWN_MS = 2000;

export function createImagePuller(env: Env, runtime: ContainerRuntime, records: PullRecords): ImagePuller {
  return new RuntimeImagePuller(env, runtime, records);
}

class RuntimeImagePuller implements ImagePuller {
  private readonly backOff: FailureBackOff;
  private readonly lastFailure = new Map<string, string>();
  private readonly pulling = new Map<string, Promise<RegistryCredentials | undefined>>();

  constructor(
    private readonly env: Env,
    private readonly runtime: ContainerRuntime,
    private readonly records: PullRecords,
  ) {
    this.backOff = createFailureBackOff(env.clock);
  }

  async ensure(request: ImageRequest): Promise<ImageResult> {
    const { image: asked, pullPolicy, event } = request;
    const image = withDefaultTag(asked);
    if (image === undefined) {
      const message = `Failed to apply default image tag ${JSON.stringify(asked)}: couldn't parse image name ${JSON.stringify(asked)}: invalid reference format`;
      event("Warning", "InspectFailed", message);
      return { ok: false, reason: "InvalidImageName", message };
    }
    if (pullPolicy !== "Always") {
      const present = await this.inspect(request, image);
      if ("ok" in present) return present;
      // Whether it is here is nobody's business who may not have it.
      if (present.image !== undefined && (await this.mayUse(request, image, present.image))) {
        event("Normal", "Pulled", `Container image "${asked}" already present on machine and can be accessed by the pod`);
        return { ok: true, image: present.image };
      }
      if (pullPolicy === "Never") {
        const message = `Container image "${asked}" is not present with pull policy of Never`;
        event("Warning", "ErrImageNeverPull", message);
        return { ok: false, reason: "ErrImageNeverPull", message };
      }
    }
    return this.pull(request, image);
  }

  forgetPod(uid: string): void {
    this.backOff.forget(`${uid}_`);
    for (const key of [...this.lastFailure.keys()]) if (key.startsWith(`${uid}_`)) this.lastFailure.delete(key);
  }

  private async inspect({ event }: ImageRequest, image: string): Promise<{ readonly image: RuntimeImage | undefined } | ImageFailure> {
    try {
      return { image: await this.runtime.imageStatus(image) };
    } catch (error) {
      const message = `Failed to inspect image "": ${textOf(error)}`;
      event("Warning", "InspectFailed", message);
      return { ok: false, reason: "ImageInspectError", message };
    }
  }

  private mayUse({ secrets }: ImageRequest, image: string, { id }: RuntimeImage): Promise<boolean> {
    return this.records.allows(image, id, async () => {
      const candidates = credentialsFor(image, await secrets());
      return Promise.all(candidates.map(pullSecret));
    });
  }

  private async pull(request: ImageRequest, image: string): Promise<ImageResult> {
    const { pod, image: asked, event, secrets } = request;
    const key = `${podUid(pod)}_${asked}`;
    const paused = this.backOff.pausedSinceFailure(key);
    if (paused !== undefined) {
      const bare = `Back-off pulling image "${asked}"`;
      event("Normal", "BackOff", bare);
      const previous = this.lastFailure.get(key);
      return { ok: false, reason: "ImagePullBackOff", message: previous === undefined ? bare : `${bare}: ${previous}`, retryAtMs: paused.untilMs };
    }
    event("Normal", "Pulling", `Pulling image "${asked}"`);
    const startedMs = this.env.clock.monotonic();
    await this.records.began(image);
    try {
      const used = await this.pullOnce(image, await secrets());
      const pulled = await this.runtime.imageStatus(image);
      if (pulled === undefined) throw new Error(`image ${JSON.stringify(image)} is not there after its pull`);
      await this.records.succeeded(image, pulled.id, used === undefined ? undefined : await pullSecret(used));
      this.lastFailure.delete(key);
      const took = formatDuration(Math.round(this.env.clock.monotonic() - startedMs));
      event("Normal", "Pulled", `Successfully pulled image "${asked}" in ${took} (${took} including waiting). Image size: ${pulled.sizeBytes} bytes.`);
      return { ok: true, image: pulled };
    } catch (error) {
      await this.records.failed(image);
      const text = textOf(error);
      event("Warning", "Failed", `Failed to pull image "${asked}": ${text}`);
      this.backOff.next(key, this.env.clock.now());
      this.lastFailure.set(key, `ErrImagePull: ${text}`);
      // Soon after, the pod shows that it waits (ImagePullBackOff), then it waits for the end of the pause.
      return { ok: false, reason: "ErrImagePull", message: text, retryAtMs: this.env.clock.now() + SHOWN_MS };
    }
  }

  /** Tries every fitting credential, and without any when there is none. Gives the one that was right. */
  private async pullOnce(image: string, secrets: readonly Secret[]): Promise<RegistryCredentials | undefined> {
    const candidates = credentialsFor(image, secrets);
    const key = JSON.stringify([image, candidates]);
    let running = this.pulling.get(key);
    if (running === undefined) {
      running = this.tryAll(image, candidates).finally(() => this.pulling.delete(key));
      this.pulling.set(key, running);
    }
    return running;
  }

  private async tryAll(image: string, candidates: readonly RegistryCredentials[]): Promise<RegistryCredentials | undefined> {
    let failure: unknown;
    for (const auth of candidates.length === 0 ? [undefined] : candidates) {
      try {
        await this.runtime.pullImage(image, auth);
        return auth;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

async function pullSecret({ source, username, password, serverAddress }: RegistryCredentials): Promise<PullSecret> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify([serverAddress, username, password])));
  return { ...source, digest: [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

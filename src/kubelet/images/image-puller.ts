// Makes the image of a container present as its pull policy asks, with the events and waiting reasons that users know
// (https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy). One pull at a time runs per image; pods that
// want the same image share it.
import type { Container, Pod, Secret } from "../../api/index.ts";
import { type Env, formatDuration } from "../../base/index.ts";
import { createFailureBackOff, type FailureBackOff } from "../back-off.ts";
import type { PodEvents } from "../pod-events.ts";
import { podUid } from "../pods/pod-spec.ts";
import type { ContainerRuntime, RuntimeImage } from "../runtime/runtime.ts";
import { withDefaultTag } from "./image-name.ts";
import { credentialsFor } from "./registry-credentials.ts";

export type ImageResult =
  | { readonly ok: true; readonly image: RuntimeImage }
  | {
      readonly ok: false;
      readonly reason: "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError" | "RegistryUnavailable";
      readonly message: string;
      /** When it makes sense to try again, in wall clock time. */
      readonly retryAtMs?: number;
    };

export interface ImagePuller {
  ensure(pod: Pod, container: Container, secrets: () => Promise<readonly Secret[]>): Promise<ImageResult>;
  forgetPod(uid: string): void;
}

/** How long a failed pull is shown as such. */
const SHOWN_MS = 2000;

export function createImagePuller(env: Env, runtime: ContainerRuntime, events: PodEvents): ImagePuller {
  return new RuntimeImagePuller(env, runtime, events);
}

class RuntimeImagePuller implements ImagePuller {
  private readonly backOff: FailureBackOff;
  private readonly lastFailure = new Map<string, string>();
  private readonly pulling = new Map<string, Promise<string>>();

  constructor(
    private readonly env: Env,
    private readonly runtime: ContainerRuntime,
    private readonly events: PodEvents,
  ) {
    this.backOff = createFailureBackOff(env.clock);
  }

  async ensure(pod: Pod, container: Container, secrets: () => Promise<readonly Secret[]>): Promise<ImageResult> {
    const asked = container.image ?? "";
    const image = withDefaultTag(asked);
    if (image === undefined) {
      const message = `Failed to apply default image tag ${JSON.stringify(asked)}: couldn't parse image name ${JSON.stringify(asked)}: invalid reference format`;
      this.events.container(pod, container, "Warning", "InspectFailed", message);
      return { ok: false, reason: "InvalidImageName", message };
    }
    if (container.imagePullPolicy !== "Always") {
      const present = await this.inspect(pod, container, image);
      if (present.outcome === "failed") return present.result;
      if (present.image !== undefined) {
        this.events.container(pod, container, "Normal", "Pulled", `Container image "${asked}" already present on machine and can be accessed by the pod`);
        return { ok: true, image: present.image };
      }
      if (container.imagePullPolicy === "Never") {
        const message = `Container image "${asked}" is not present with pull policy of Never`;
        this.events.container(pod, container, "Warning", "ErrImageNeverPull", message);
        return { ok: false, reason: "ErrImageNeverPull", message };
      }
    }
    return this.pull(pod, container, image, secrets);
  }

  forgetPod(uid: string): void {
    this.backOff.forget(`${uid}_`);
    for (const key of [...this.lastFailure.keys()]) if (key.startsWith(`${uid}_`)) this.lastFailure.delete(key);
  }

  private async inspect(
    pod: Pod,
    container: Container,
    image: string,
  ): Promise<{ outcome: "known"; image: RuntimeImage | undefined } | { outcome: "failed"; result: ImageResult }> {
    try {
      return { outcome: "known", image: await this.runtime.imageStatus(image) };
    } catch (error) {
      const message = `Failed to inspect image "": ${textOf(error)}`;
      this.events.container(pod, container, "Warning", "InspectFailed", message);
      return { outcome: "failed", result: { ok: false, reason: "ImageInspectError", message } };
    }
  }

  private async pull(pod: Pod, container: Container, image: string, secrets: () => Promise<readonly Secret[]>): Promise<ImageResult> {
    const asked = container.image ?? "";
    const key = `${podUid(pod)}_${asked}`;
    const paused = this.backOff.pausedSinceFailure(key);
    if (paused !== undefined) {
      const bare = `Back-off pulling image "${asked}"`;
      this.events.container(pod, container, "Normal", "BackOff", bare);
      const previous = this.lastFailure.get(key);
      return { ok: false, reason: "ImagePullBackOff", message: previous === undefined ? bare : `${bare}: ${previous}`, retryAtMs: paused.untilMs };
    }
    this.events.container(pod, container, "Normal", "Pulling", `Pulling image "${asked}"`);
    const startedMs = this.env.clock.monotonic();
    try {
      await this.pullOnce(image, await secrets());
      const pulled = await this.runtime.imageStatus(image);
      if (pulled === undefined) throw new Error(`image ${JSON.stringify(image)} is not there after its pull`);
      this.lastFailure.delete(key);
      const took = formatDuration(Math.round(this.env.clock.monotonic() - startedMs));
      const message = `Successfully pulled image "${asked}" in ${took} (${took} including waiting). Image size: ${pulled.sizeBytes} bytes.`;
      this.events.container(pod, container, "Normal", "Pulled", message);
      return { ok: true, image: pulled };
    } catch (error) {
      const text = textOf(error);
      this.events.container(pod, container, "Warning", "Failed", `Failed to pull image "${asked}": ${text}`);
      this.backOff.next(key, this.env.clock.now());
      this.lastFailure.set(key, `ErrImagePull: ${text}`);
      // Soon after, the pod shows that it waits (ImagePullBackOff), then it waits for the end of the pause.
      return { ok: false, reason: "ErrImagePull", message: text, retryAtMs: this.env.clock.now() + SHOWN_MS };
    }
  }

  /** Tries every fitting credential, and without any when there is none. */
  private async pullOnce(image: string, secrets: readonly Secret[]): Promise<void> {
    const candidates = credentialsFor(image, secrets);
    const key = JSON.stringify([image, candidates]);
    let running = this.pulling.get(key);
    if (running === undefined) {
      running = this.tryAll(image, candidates).finally(() => this.pulling.delete(key));
      this.pulling.set(key, running);
    }
    await running;
  }

  private async tryAll(image: string, candidates: ReturnType<typeof credentialsFor>): Promise<string> {
    let failure: unknown;
    for (const auth of candidates.length === 0 ? [undefined] : candidates) {
      try {
        return await this.runtime.pullImage(image, auth);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

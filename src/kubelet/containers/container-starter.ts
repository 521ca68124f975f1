// Starts one container: image, configuration, create, start, postStart hook, each failure with its waiting reason and event.
import type { Container, Pod, Secret } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { abortable } from "../abortable.ts";
import type { KubeletHost } from "../host.ts";
import type { ImageFailure, ImagePuller } from "../images/image-puller.ts";
import type { PodEvents } from "../pod-events.ts";
import type { StartFailure } from "../pods/container-statuses.ts";
import { newestContainer } from "../pods/runtime-pod.ts";
import type { ContainerRuntime, PodSandboxConfig } from "../runtime/runtime.ts";
import { mountImage } from "../volumes/image.ts";
import { type ContainerConfigContext, containerConfig } from "./container-config.ts";
import type { ContainerKiller } from "./container-killer.ts";
import { runHook } from "./lifecycle-hooks.ts";

export type StartOutcome =
  | { readonly ok: true; readonly containerId: string }
  | { readonly ok: "aborted" }
  | ({ readonly ok: false; readonly retryAtMs?: number } & StartFailure);

export interface ContainerStarterParts {
  readonly host: KubeletHost;
  readonly runtime: ContainerRuntime;
  readonly images: ImagePuller;
  readonly events: PodEvents;
  readonly killer: ContainerKiller;
}

export interface StartRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly sandboxId: string;
  readonly sandbox: PodSandboxConfig;
  readonly context: ContainerConfigContext;
  readonly pullSecrets: () => Promise<readonly Secret[]>;
  /** Aborts when the pod is to end: nothing more is started then. */
  readonly signal: AbortSignal;
}

export interface ContainerStarter {
  start(request: StartRequest): Promise<StartOutcome>;
}

export function createContainerStarter(env: Env, parts: ContainerStarterParts): ContainerStarter {
  return { start: (request) => startContainer(env, parts, request) };
}

async function startContainer(env: Env, parts: ContainerStarterParts, request: StartRequest): Promise<StartOutcome> {
  const { pod, container, context } = request;
  const { events, runtime } = parts;
  const failed = (reason: string, error: unknown): StartOutcome => {
    const message = error instanceof Error ? error.message : String(error);
    events.container(pod, container, "Warning", "Failed", `Error: ${message}`);
    return { ok: false, reason, message };
  };
  const wanted = {
    ...{ pod, image: container.image ?? "", pullPolicy: container.imagePullPolicy, secrets: request.pullSecrets },
    event: (type: "Normal" | "Warning", reason: string, message: string) => events.container(pod, container, type, reason, message),
  };
  const image = await abortable(parts.images.ensure(wanted), request.signal);
  if (image === undefined || request.signal.aborted) return { ok: "aborted" };
  if (!image.ok) {
    events.container(pod, container, "Warning", "Failed", `Error: ${image.reason}`);
    return image;
  }
  const missing = await abortable(mountImages(parts, request), request.signal);
  if (request.signal.aborted) return { ok: "aborted" };
  if (missing !== undefined) {
    events.container(pod, container, "Warning", "Failed", `Error: ${missing.reason}`);
    return missing;
  }
  const restartCount = await nextRestartCount(parts.host, request);
  let containerId: string;
  try {
    const config = await containerConfig(context, container, image.image, restartCount);
    try {
      containerId = await runtime.createContainer(request.sandboxId, config, request.sandbox);
    } catch (error) {
      return failed("CreateContainerError", error);
    }
  } catch (error) {
    return failed("CreateContainerConfigError", error);
  }
  events.container(pod, container, "Normal", "Created", "Container created");
  try {
    await runtime.startContainer(containerId);
  } catch (error) {
    return failed("RunContainerError", error);
  }
  events.container(pod, container, "Normal", "Started", "Container started");
  return runPostStart(env, parts, request, containerId);
}

/** The image volumes that the container mounts. Gives the first that can't be had. */
async function mountImages({ images, events, host, runtime }: ContainerStarterParts, request: StartRequest): Promise<ImageFailure | undefined> {
  const { pod, container, context, pullSecrets } = request;
  for (const { name, image } of pod.spec.volumes ?? []) {
    const mounted = context.volumes.get(name);
    if (image === undefined || mounted === undefined || container.volumeMounts?.some((mount) => mount.name === name) !== true) continue;
    const result = await images.ensure({
      ...{ pod, image: image.reference ?? "", pullPolicy: image.pullPolicy, secrets: pullSecrets },
      event: (type, reason, message) => events.pod(pod, type, reason, message),
    });
    if (!result.ok) return result;
    await mountImage({ host, runtime }, result.image, mounted.path);
  }
  return undefined;
}

async function runPostStart(env: Env, parts: ContainerStarterParts, request: StartRequest, containerId: string): Promise<StartOutcome> {
  const { pod, container, context, signal } = request;
  const hook = container.lifecycle?.postStart;
  if (hook === undefined) return { ok: true, containerId };
  const target = { pod, container, containerId, podIp: context.podIps[0] ?? "" };
  const outcome = await abortable(runHook(env, parts.host, parts.runtime, hook, target), signal);
  if (outcome === undefined) return { ok: "aborted" };
  if (outcome.ok) return { ok: true, containerId };
  // The message may hold secrets of the container: it goes to the status, not to the event.
  parts.events.container(pod, container, "Warning", "FailedPostStartHook", "PostStartHook failed");
  await abortable(parts.killer.kill({ ...target, message: "FailedPostStartHook", reason: "failedPostStartHook" }), signal);
  return { ok: false, reason: "PostStartHookError", message: outcome.message };
}

/** One more than the last; when the runtime forgot its containers, the log files remember. */
async function nextRestartCount(host: KubeletHost, { container, context }: StartRequest): Promise<number> {
  const newest = newestContainer(context.runtimePod, container.name);
  if (newest !== undefined) return newest.restartCount + 1;
  const names = await host.files.list(`${context.logDirectory}/${container.name}`);
  const counts = names.flatMap((name) => /^(\d+)\.log/.exec(name)?.[1] ?? []).map(Number);
  return counts.length === 0 ? 0 : Math.max(...counts) + 1;
}

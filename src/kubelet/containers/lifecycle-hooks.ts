// Hooks that run when a container has started and before it is stopped
// (https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/).
import { type Container, kubernetesVersion, type LifecycleHandler, type Pod } from "../../api/index.ts";
import type { Env } from "../../base/index.ts";
import { delay } from "../../client/index.ts";
import type { KubeletHost } from "../host.ts";
import { podFullName } from "../pods/pod-spec.ts";
import { httpGet } from "../probes/http-get.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";

export interface HookTarget {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export type HookOutcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** Hooks have no time limit of their own; this is past every grace period that makes sense. */
const HOOK_TIMEOUT_MS = 3_600_000;
const [MAJOR = "1", MINOR = "0"] = kubernetesVersion.replace(/^v/, "").split(".");

export async function runHook(env: Env, host: KubeletHost, runtime: ContainerRuntime, hook: LifecycleHandler, target: HookTarget): Promise<HookOutcome> {
  const where = `for Container ${JSON.stringify(target.container.name)} in Pod ${JSON.stringify(podFullName(target.pod))} failed - error:`;
  if (hook.exec !== undefined) return execHook(runtime, hook.exec.command ?? [], target, where);
  if (hook.httpGet !== undefined) {
    const { container, podIp } = target;
    const userAgent = `kube-lifecycle/${MAJOR}.${MINOR}`;
    const answer = await httpGet(host.dialer, { action: hook.httpGet, container, podIp, timeoutMs: HOOK_TIMEOUT_MS, userAgent });
    // Any answer will do: the hook is told, not asked.
    const told = answer.outcome === "success" || (answer.outcome !== "error" && answer.answered);
    return told ? { ok: true } : { ok: false, message: `HTTP lifecycle hook (${hook.httpGet.path ?? "/"}) ${where} ${answer.message}` };
  }
  if (hook.sleep !== undefined) {
    await delay(env, hook.sleep.seconds * 1000);
    return { ok: true };
  }
  return { ok: false, message: "Cannot run handler: invalid handler" };
}

async function execHook(runtime: ContainerRuntime, command: readonly string[], { containerId }: HookTarget, where: string): Promise<HookOutcome> {
  const what = `Exec lifecycle hook ([${command.join(" ")}]) ${where}`;
  try {
    const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, 0);
    if (exitCode === 0) return { ok: true };
    const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    const text = `command '${command.join(" ")}' exited with ${exitCode}: ${new TextDecoder().decode(stderr)}`;
    return { ok: false, message: `${what} ${text}, message: ${JSON.stringify(output)}` };
  } catch (error) {
    return { ok: false, message: `${what} ${error instanceof Error ? error.message : String(error)}, message: ""` };
  }
}

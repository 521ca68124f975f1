// What every container runtime must do: one suite, run over the simulated runtime and over containerd. Times are not
// measured; `eventually` lets time pass, virtual or real, until something holds.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ContainerConfig, ContainerRuntime, ContainerStatus, PodSandboxConfig, RuntimeEvent } from "./runtime.ts";

export interface RuntimeUnderTest {
  readonly runtime: ContainerRuntime;
  /** An image that can be pulled or is there, whose containers have `sh`, `sleep`, `echo`, `true` and `false`. */
  readonly image: string;
  /** A name that no image has. */
  readonly absentImage: string;
  /** An existing directory in which logs may be written. */
  readonly logRoot: string;
  readonly cgroupParent: string;
  eventually(holds: () => Promise<boolean>): Promise<void>;
  cleanUp(): Promise<void>;
}

const security = {
  namespaces: { network: "pod", pid: "container", ipc: "pod" },
  supplementalGroups: [],
  readonlyRootfs: false,
  privileged: false,
  seccomp: { type: "Unconfined" },
} as const;

export function runtimeContract(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`${name} keeps the runtime's contract`, () => {
    let under: RuntimeUnderTest;
    let sequence = 0;
    beforeEach(async () => {
      under = await open();
      await under.runtime.pullImage(under.image);
    });
    afterEach(() => under.cleanUp());

    const newPod = (): PodSandboxConfig => {
      const uid = `00000000-0000-4000-8000-${String(++sequence).padStart(12, "0")}`;
      return {
        metadata: { name: `pod-${sequence}`, uid, namespace: "default", attempt: 0 },
        hostname: `pod-${sequence}`,
        logDirectory: `${under.logRoot}/${uid}`,
        portMappings: [],
        labels: { "io.kubernetes.pod.uid": uid, "io.kubernetes.pod.name": `pod-${sequence}`, "io.kubernetes.pod.namespace": "default" },
        annotations: { note: "kept" },
        linux: { cgroupParent: under.cgroupParent, sysctls: {}, securityContext: security },
      };
    };
    const containerConfig = async (pod: PodSandboxConfig, script: string): Promise<ContainerConfig> => ({
      metadata: { name: "main", attempt: 0 },
      image: (await under.runtime.imageStatus(under.image))?.id ?? "",
      userImage: under.image,
      command: ["sh", "-c", script],
      args: [],
      workingDir: "",
      envs: [],
      mounts: [],
      labels: { ...pod.labels, "io.kubernetes.container.name": "main" },
      annotations: { "io.kubernetes.container.restartCount": "0" },
      logPath: "main/0.log",
      stdin: false,
      stdinOnce: false,
      tty: false,
      resources: { cpuPeriod: 100_000, cpuQuota: 0, cpuShares: 2, memoryLimitBytes: 0, oomScoreAdj: 1000 },
      securityContext: { ...security, capabilities: { add: [], drop: [] }, noNewPrivs: false, maskedPaths: [], readonlyPaths: [] },
    });
    /** A pod with one container that runs `script`. */
    const run = async (script: string): Promise<{ pod: PodSandboxConfig; sandboxId: string; id: string }> => {
      const { runtime } = under;
      const pod = newPod();
      const sandboxId = await runtime.runPodSandbox(pod, "");
      const id = await runtime.createContainer(sandboxId, await containerConfig(pod, script), pod);
      await runtime.startContainer(id);
      return { pod, sandboxId, id };
    };
    const ended = async (id: string): Promise<ContainerStatus> => {
      await under.eventually(async () => (await under.runtime.containerStatus(id)).state === "exited");
      return under.runtime.containerStatus(id);
    };

    it("is ready and says what it is", async () => {
      expect(await under.runtime.status()).toMatchObject({ runtimeReady: true, networkReady: true });
      expect((await under.runtime.version()).apiVersion).toBe("v1");
    });

    it("makes a sandbox with an address and the labels it was given", async () => {
      const { runtime } = under;
      const pod = newPod();
      const id = await runtime.runPodSandbox(pod, "");
      const status = await runtime.podSandboxStatus(id);
      expect(status).toMatchObject({ id, state: "ready", metadata: pod.metadata, labels: pod.labels, annotations: pod.annotations });
      expect(status.ips[0]).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect((await runtime.listPodSandboxes({ podUid: pod.metadata.uid })).map((sandbox) => sandbox.id)).toEqual([id]);
      expect(await runtime.listPodSandboxes({ podUid: "another" })).toEqual([]);
    });

    it("stops a sandbox, more than once, and forgets it when it is removed", async () => {
      const { runtime } = under;
      const id = await runtime.runPodSandbox(newPod(), "");
      await runtime.stopPodSandbox(id);
      await runtime.stopPodSandbox(id);
      expect((await runtime.podSandboxStatus(id)).state).toBe("notReady");
      await runtime.removePodSandbox(id);
      await runtime.removePodSandbox(id);
      await expect(runtime.podSandboxStatus(id)).rejects.toMatchObject({ name: "RuntimeError", reason: "notFound" });
    });

    it("runs a container to its end and tells how it ended", async () => {
      const { id, pod } = await run("exit 3");
      const status = await ended(id);
      expect(status).toMatchObject({ id, state: "exited", exitCode: 3, reason: "Error", image: under.image });
      // A container that ends at once may end before its runtime has noted the start.
      expect(status.finishedAtMs).toBeGreaterThanOrEqual(status.createdAtMs);
      expect(status.startedAtMs).toBeGreaterThanOrEqual(status.createdAtMs);
      expect(status.logPath).toBe(`${pod.logDirectory}/main/0.log`);
      expect(status.imageRef).not.toBe("");
    });

    it("calls success Completed", async () => {
      const { id } = await run("true");
      expect(await ended(id)).toMatchObject({ exitCode: 0, reason: "Completed" });
    });

    it("keeps labels and annotations of containers, and lists them by pod", async () => {
      const { id, pod } = await run("sleep 600");
      const [listed] = await under.runtime.listContainers({ podUid: pod.metadata.uid });
      expect(listed).toMatchObject({ id, state: "running", labels: { "io.kubernetes.container.name": "main" } });
      expect(listed?.annotations["io.kubernetes.container.restartCount"]).toBe("0");
      expect(await under.runtime.listContainers({ podUid: "another" })).toEqual([]);
    });

    it("stops a running container, and is content when there is nothing to stop", async () => {
      const { id } = await run("sleep 600");
      const stopping = under.runtime.stopContainer(id, 1);
      expect((await ended(id)).state).toBe("exited");
      await stopping;
      await under.runtime.stopContainer(id, 1);
      await under.runtime.removeContainer(id);
      await under.runtime.removeContainer(id);
      await expect(under.runtime.containerStatus(id)).rejects.toMatchObject({ name: "RuntimeError", reason: "notFound" });
    });

    it("runs commands in a container and gives output and exit code", async () => {
      const { id } = await run("sleep 600");
      const { stdout, exitCode } = await under.runtime.execSync(id, ["sh", "-c", "echo hello"], 10);
      expect({ text: new TextDecoder().decode(stdout), exitCode }).toEqual({ text: "hello\n", exitCode: 0 });
      expect((await under.runtime.execSync(id, ["sh", "-c", "exit 7"], 10)).exitCode).toBe(7);
    });

    it("tells when containers start and stop", async () => {
      const events: RuntimeEvent[] = [];
      const stop = under.runtime.watchEvents((event) => events.push(event));
      const { id, pod } = await run("exit 0");
      await ended(id);
      const has = (type: RuntimeEvent["type"]): boolean =>
        events.some((event) => event.type === type && (!("podUid" in event) || event.podUid === pod.metadata.uid));
      await under.eventually(async () => has("containerStarted") && has("containerStopped"));
      stop();
    });

    it("finds images by name and by ID, and refuses names that nobody has", async () => {
      const { runtime, image, absentImage } = under;
      const status = await runtime.imageStatus(image);
      expect(status?.sizeBytes).toBeGreaterThan(0);
      expect((await runtime.imageStatus(status?.id ?? ""))?.id).toBe(status?.id);
      expect((await runtime.listImages()).map(({ id }) => id)).toContain(status?.id);
      expect(await runtime.imageStatus(absentImage)).toBeUndefined();
      await expect(runtime.pullImage(absentImage)).rejects.toMatchObject({ name: "RuntimeError" });
    });

    it("removes a pod's containers with its sandbox", async () => {
      const { sandboxId, id } = await run("sleep 600");
      await under.runtime.stopPodSandbox(sandboxId);
      await under.runtime.removePodSandbox(sandboxId);
      await expect(under.runtime.containerStatus(id)).rejects.toMatchObject({ reason: "notFound" });
    });
  });
}

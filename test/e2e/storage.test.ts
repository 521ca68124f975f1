// Storage as a user meets it: claims of the default class, stateful sets, volumes made by hand, and what protects them. Real containers, an
// unmodified kubectl.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestImages } from "../images/build.host.ts";
import { containerTests } from "../machine.host.ts";
import { eventually, type TestCluster, testCluster } from "./cluster.host.ts";
import { leftBehind, type MachineState, machineState } from "./machine-state.host.ts";

const { reason } = containerTests();

const claim = (name: string, more = ""): string => `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ${name}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}${more}}
---`;

/** A pod that runs a shell command and then waits, with a claim at /data. */
const user = (name: string, claimName: string, command: string, { pod = "", mount = "" } = {}): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: "busybox:local", command: [sh, -c, ${JSON.stringify(`${command}; sleep 100000`)}], volumeMounts: [{name: data, mountPath: /data${mount}}]}
  volumes: [{name: data, persistentVolumeClaim: {claimName: ${claimName}}}]${pod}
---`;

describe.skipIf(reason !== undefined)("storage", () => {
  let cluster: TestCluster;
  let before: MachineState;
  let folder: string;

  beforeAll(async () => {
    before = machineState();
    folder = mkdtempSync(join(tmpdir(), "kubets-storage-"));
    cluster = testCluster();
    await cluster.start();
    const [busybox] = (await buildTestImages(folder)).filter((archive) => archive.includes("busybox"));
    await cluster.kubets("image", "load", busybox ?? "");
  });

  afterAll(async () => {
    await cluster?.dispose();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    expect(leftBehind(before, machineState())).toEqual([]);
  });

  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl.run(args);
  const apply = (...manifests: string[]): Promise<string> => cluster.kubectl.run(["apply", "-f", "-"], { input: manifests.join("\n") });
  const ready = (pod: string): Promise<string> => kubectl("wait", "--for=condition=Ready", `pod/${pod}`, "--timeout=30s");
  const get = (what: string, path: string): Promise<string> => kubectl("get", ...what.split(" "), "-o", `jsonpath={${path}}`);
  const phase = (what: string, expected: string): Promise<string> =>
    eventually(
      () => get(what, ".status.phase"),
      (seen) => seen === expected,
      15_000,
    );
  const directories = (): string[] => {
    const storage = join(cluster.dataDirectory, "storage");
    return existsSync(storage) ? readdirSync(storage) : [];
  };
  const events = (name: string): Promise<string> =>
    kubectl("get", "events", "--field-selector", `involvedObject.name=${name}`, "-o", "custom-columns=R:.reason,M:.message");

  it("gives a claim a directory when its first pod comes, and keeps what pods write", async () => {
    expect(await kubectl("get", "storageclass", "--no-headers")).toMatch(
      /^local-path \(default\)\s+rancher\.io\/local-path\s+Delete\s+WaitForFirstConsumer\s+false\s/,
    );
    await apply(claim("data"));
    await eventually(
      () => events("data"),
      (text) => text.includes("waiting for first consumer to be created before binding"),
    );
    expect(await get("pvc data", ".status.phase")).toBe("Pending");
    await apply(user("writer", "data", "echo kept > /data/file; id -u >> /data/file", { pod: "\n  securityContext: {runAsUser: 1000}" }));
    await ready("writer");
    const volume = await get("pvc data", ".spec.volumeName");
    expect(await kubectl("get", "pvc", "data", "--no-headers")).toMatch(new RegExp(`^data\\s+Bound\\s+${volume}\\s+1Gi\\s+RWO\\s+local-path\\s`));
    expect(await kubectl("get", "pv", volume, "--no-headers")).toMatch(/\s1Gi\s+RWO\s+Delete\s+Bound\s+default\/data\s+local-path\s/);
    expect(directories()).toEqual([`${volume}_default_data`]);
    await kubectl("delete", "pod", "writer");
    await apply(user("reader", "data", "cat /data/file", { mount: ", readOnly: true" }));
    await ready("reader");
    expect(await kubectl("logs", "reader")).toBe("kept\n1000\n");
    expect((await cluster.kubectl.try(["exec", "reader", "--", "touch", "/data/other"])).stderr).toContain("Read-only file system");
    const described = await kubectl("describe", "pvc", "data");
    expect(described).toMatch(/Used By:\s+reader/);
    expect(described).toContain(`Successfully provisioned volume ${volume}`);
  });

  it("keeps a claim that is in use until its pod is gone, and then takes the directory back", async () => {
    await kubectl("delete", "pvc", "data", "--wait=false");
    expect(await kubectl("get", "pvc", "data", "--no-headers")).toMatch(/^data\s+Terminating\s/);
    expect((await cluster.kubectl.try(["exec", "reader", "--", "cat", "/data/file"])).stdout).toContain("kept");
    await kubectl("delete", "pod", "reader");
    await kubectl("wait", "--for=delete", "pvc/data", "--timeout=20s");
    await eventually(
      () => kubectl("get", "pv", "--no-headers"),
      (text) => text === "",
      10_000,
    );
    await eventually(
      async () => directories(),
      (names) => names.length === 0,
      10_000,
    );
  });

  it("does not let claims of the class grow", async () => {
    await apply(claim("small"), user("holder", "small", "true"));
    await ready("holder");
    const { stderr } = await cluster.kubectl.try(["patch", "pvc", "small", "-p", '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}']);
    expect(stderr).toContain("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize");
    await kubectl("patch", "storageclass", "local-path", "-p", '{"allowVolumeExpansion":true}');
    await kubectl("patch", "pvc", "small", "-p", '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}');
    await eventually(
      () => events("small"),
      (text) => text.includes("waiting for an external controller to expand this PVC"),
    );
    expect(await get("pvc small", ".status.capacity.storage")).toBe("1Gi");
  });

  it("gives the pods of a stateful set volumes of their own, which outlive them", async () => {
    await apply(`
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: main, image: "busybox:local", command: [sh, -c, "hostname >> /data/names; sleep 100000"], volumeMounts: [{name: data, mountPath: /data}]}
  volumeClaimTemplates:
  - {metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}}`);
    await kubectl("rollout", "status", "statefulset/db", "--timeout=30s");
    expect(await kubectl("get", "pvc", "-l", "app=db", "-o", "name")).toBe("persistentvolumeclaim/data-db-0\npersistentvolumeclaim/data-db-1\n");
    await kubectl("delete", "pod", "db-1");
    await kubectl("rollout", "status", "statefulset/db", "--timeout=30s");
    await ready("db-1");
    expect(await kubectl("exec", "db-1", "--", "cat", "/data/names")).toBe("db-1\ndb-1\n");
    expect(await kubectl("exec", "db-0", "--", "cat", "/data/names")).toBe("db-0\n");
    await kubectl("delete", "statefulset", "db");
    expect(await kubectl("get", "pvc", "-l", "app=db", "--no-headers")).toMatch(/^data-db-0\s+Bound\s.*\ndata-db-1\s+Bound\s/);
  });

  it("makes a pod's own claim, and removes it with the pod", async () => {
    await apply(`
apiVersion: v1
kind: Pod
metadata: {name: scratch}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: "busybox:local", command: [sleep, "100000"], volumeMounts: [{name: own, mountPath: /own}]}]
  volumes: [{name: own, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}}}]`);
    await ready("scratch");
    expect(await kubectl("get", "pvc", "scratch-own", "--no-headers")).toMatch(/^scratch-own\s+Bound\s/);
    await kubectl("delete", "pod", "scratch");
    await kubectl("wait", "--for=delete", "pvc/scratch-own", "--timeout=20s");
  });

  it("binds volumes made by hand, hostPath and local, and keeps their data", async () => {
    const [shared, disk] = [join(folder, "shared"), join(folder, "disk")];
    mkdirSync(disk);
    writeFileSync(join(disk, "found"), "on disk\n");
    const node = (await get("nodes", ".items[0].metadata.name")).trim();
    const volume = (name: string, source: string): string => `
apiVersion: v1
kind: PersistentVolume
metadata: {name: ${name}}
spec: {capacity: {storage: 5Gi}, accessModes: [ReadWriteOnce], storageClassName: manual, ${source}}
---`;
    const affinity = `nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: ["${node}"]}]}]}}`;
    await apply(
      volume("shared", `hostPath: {path: "${shared}", type: DirectoryOrCreate}`),
      volume("disk", `local: {path: "${disk}"}, ${affinity}`),
      claim("to-shared", ", storageClassName: manual, volumeName: shared"),
      claim("to-disk", ", storageClassName: manual"),
    );
    await phase("pvc to-shared", "Bound");
    await phase("pvc to-disk", "Bound");
    expect(await get("pvc to-disk", ".spec.volumeName")).toBe("disk");
    await apply(
      user("sharer", "to-shared", "echo from the pod > /data/file"),
      user("disk-user", "to-disk", "cat /data/found; stat -c %g /data/found", { pod: "\n  securityContext: {fsGroup: 4242}" }),
    );
    await Promise.all([ready("sharer"), ready("disk-user")]);
    expect(readFileSync(join(shared, "file"), "utf8")).toBe("from the pod\n");
    expect(await kubectl("logs", "disk-user")).toBe("on disk\n4242\n");
    expect(statSync(join(disk, "found")).gid).toBe(4242);
    await kubectl("delete", "pod", "sharer", "disk-user");
    await kubectl("delete", "pvc", "to-shared", "to-disk");
    await phase("pv shared", "Released");
    await phase("pv disk", "Released");
    expect(existsSync(join(shared, "file"))).toBe(true);
    await kubectl("delete", "pv", "shared", "disk");
  });

  it("says what a pod's volume lacks", async () => {
    await apply(user("lost", "nowhere", "true"));
    await eventually(
      () => events("lost"),
      (text) => text.includes('0/1 nodes are available: persistentvolumeclaim "nowhere" not found.'),
    );
    await kubectl("delete", "pod", "lost");
    await apply(
      `
apiVersion: v1
kind: PersistentVolume
metadata: {name: missing}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: missing, hostPath: {path: "${folder}/missing", type: Directory}}
---`,
      claim("to-missing", ", storageClassName: missing"),
      user("searcher", "to-missing", "true"),
    );
    const expected = `MountVolume.SetUp failed for volume "missing" : hostPath type check failed: ${folder}/missing is not a directory`;
    await eventually(
      () => events("searcher"),
      (text) => text.includes(expected),
    );
    mkdirSync(join(folder, "missing"));
    await ready("searcher");
  });

  it("has the volumes after a stop, and no class that its user deleted", async () => {
    await kubectl("delete", "storageclass", "local-path");
    await cluster.kubets("stop");
    await cluster.start();
    await ready("holder");
    expect(directories().filter((name) => name.endsWith("_default_small"))).toHaveLength(1);
    expect(await kubectl("get", "storageclass", "-o", "name")).toBe("");
  });
});

// Where a cluster keeps what on this machine. Everything that must survive a restart is under the data folder, everything
// that must not survive a reboot (sockets, mounts, process ids) under the run folder; `kubets delete` removes both.

/** The data folder of `kubets start` without `--data-dir`. */
export const defaultDataDir = "/var/lib/kubets";

export interface ClusterPaths {
  readonly data: string;
  readonly run: string;
  /** The options that the cluster was started with, as JSON. */
  readonly options: string;
  readonly log: string;
  readonly lock: string;
  /** What the daemon says about itself while it starts and runs, one JSON object. */
  readonly state: string;
  readonly pki: string;
  readonly adminKubeconfig: string;
  readonly store: string;
  readonly kubelet: string;
  readonly podLogs: string;
  /** Directories that the storage class local-path hands out as volumes: users' data. */
  readonly volumes: string;
  /** Manifests of pods that the node runs of its own accord. */
  readonly staticPods: string;
  /** Names of images that were brought in by hand, one on a line: they could not be pulled again. */
  readonly loadedImages: string;
  readonly containerdConfig: string;
  readonly containerdLog: string;
  readonly containerdPid: string;
  readonly containerdRoot: string;
  readonly containerdState: string;
  readonly containerdSocket: string;
  readonly cniConfig: string;
  readonly cniState: string;
  /** The control group of all pods, in every hierarchy; a path as CRI writes it. */
  readonly cgroup: string;
  /** Kernel settings as they were before the cluster changed them. */
  readonly sysctls: string;
}

/**
 * `data` must be absolute. The run folder of the default data folder is `/run/kubets`; another's carries the folder's name
 * with dashes, so that two clusters' sockets, mounts and control groups never meet. Who may not write there has it in the data
 * folder: simulated containers leave nothing that a reboot has to clear.
 */
export function clusterPaths(data: string, isRoot = process.getuid?.() === 0): ClusterPaths {
  const folder = data.length > 1 ? data.replace(/\/+$/, "") : data;
  const suffix = folder === defaultDataDir ? "" : folder.replaceAll(/[^A-Za-z0-9]+/g, "-");
  const run = isRoot ? `/run/kubets${suffix}` : `${folder}/run`;
  return {
    data: folder,
    run,
    options: `${folder}/options.json`,
    log: `${folder}/kubets.log`,
    lock: `${run}/kubets.lock`,
    state: `${run}/state.json`,
    pki: `${folder}/pki`,
    adminKubeconfig: `${folder}/admin.conf`,
    store: `${folder}/store`,
    kubelet: `${folder}/kubelet`,
    podLogs: `${folder}/pod-logs`,
    volumes: `${folder}/storage`,
    staticPods: `${folder}/static-pods`,
    loadedImages: `${folder}/loaded-images`,
    containerdConfig: `${folder}/containerd.toml`,
    containerdLog: `${folder}/containerd.log`,
    containerdPid: `${run}/containerd.pid`,
    containerdRoot: `${folder}/containerd`,
    containerdState: `${run}/containerd`,
    containerdSocket: `${run}/containerd.sock`,
    cniConfig: `${folder}/cni`,
    cniState: `${run}/cni`,
    cgroup: `/kubets${suffix}`,
    sysctls: `${folder}/sysctls.json`,
  };
}

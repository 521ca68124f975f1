// The configuration file of the cluster's own containerd (https://github.com/containerd/containerd/blob/release/1.6/docs/cri/config.md).
// Own root, state and sockets: a containerd that the machine already runs is not touched.
import type { ClusterPaths } from "./data-folder.ts";

/** What the machine lets containerd do. */
export interface HostLimits {
  /** Without CAP_SYS_RESOURCE no process may lower its oom_score_adj, and every sandbox that tries fails to start. */
  readonly canLowerOomScore: boolean;
  readonly hasAppArmor: boolean;
  readonly hasHugetlbCgroup: boolean;
}

export interface ContainerdConfigOptions {
  readonly paths: ClusterPaths;
  readonly sandboxImage: string;
  readonly limits: HostLimits;
  readonly runcPath: string;
  /** The folder of the CNI plugins. */
  readonly cniPlugins: string;
  /** Set when crun is there: it becomes the runtime handler `crun`. */
  readonly crunPath?: string;
}

export function containerdConfig({ paths, sandboxImage, limits, runcPath, cniPlugins, crunPath }: ContainerdConfigOptions): string {
  const cri = `plugins."io.containerd.grpc.v1.cri"`;
  return `version = 2
root = ${quoted(paths.containerdRoot)}
state = ${quoted(paths.containerdState)}
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = ${quoted(paths.containerdSocket)}

[ttrpc]
  address = ${quoted(`${paths.containerdSocket}.ttrpc`)}

[debug]
  level = "warn"

[plugins."io.containerd.internal.v1.opt"]
  path = ${quoted(`${paths.containerdRoot}/opt`)}

[${cri}]
  sandbox_image = ${quoted(sandboxImage)}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = ${!limits.canLowerOomScore}
  disable_hugetlb_controller = ${!limits.hasHugetlbCgroup}
  disable_apparmor = ${!limits.hasAppArmor}
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true

[${cri}.cni]
  bin_dir = ${quoted(cniPlugins)}
  conf_dir = ${quoted(paths.cniConfig)}
  max_conf_num = 1

[${cri}.registry]
  config_path = "/etc/containerd/certs.d"

[${cri}.containerd]
  default_runtime_name = "runc"
  discard_unpacked_layers = false
${runtime(cri, "runc", runcPath)}${crunPath === undefined ? "" : runtime(cri, "crun", crunPath)}`;
}

function runtime(cri: string, handler: string, binary: string): string {
  return `
[${cri}.containerd.runtimes.${handler}]
  runtime_type = "io.containerd.runc.v2"

[${cri}.containerd.runtimes.${handler}.options]
  BinaryName = ${quoted(binary)}
  SystemdCgroup = false
`;
}

/** A TOML basic string; JSON's escapes are a subset of TOML's. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

// The `kubets` command line. Each command's code is loaded when it is called, so that `kubets version` is quick.
import { Command, CommanderError, Option } from "commander";
import pc from "picocolors";
import { DEFAULT_OPTIONS } from "../cluster/options.ts";
import { UserError } from "./progress.ts";

const program = new Command("kubets")
  .description("Kubernetes v1.36 in TypeScript: a whole cluster on this machine.")
  .showHelpAfterError('(run "kubets --help" for the commands)')
  .exitOverride();

const dataDir = () => new Option("--data-dir <folder>", "where the cluster keeps everything").env("KUBETS_DATA_DIR").argParser(String);
const output = () => new Option("-o, --output <format>", "output format").choices(["text", "json"]).default("text");

program
  .command("start")
  .description("start the cluster, installing what is missing; returns when the node is Ready and DNS answers")
  .addOption(dataDir())
  .addOption(new Option("--runtime <runtime>", "what runs the containers; simulated needs neither root nor Linux").choices(["containerd", "simulated"]))
  .option("--no-install", "only report what is missing, install nothing")
  .option("--node-name <name>", "name of the node (default: this machine's host name)")
  .option("--nodes <number>", "how many nodes this machine is to have; the first one is this machine itself (default: as many as there are, or 1)", Number)
  .option("--node-ip <address>", "address of the node, or one of each family: IPV4,IPV6 (default: this machine's)")
  .option("--api-port <port>", `port of the API server (default: ${DEFAULT_OPTIONS.apiPort})`, Number)
  .option(
    "--etcd-port <port>",
    "also serve the store to etcdctl, on 127.0.0.1, with the certificates in DATA/pki/etcd (e.g. 2379; default: 0, not at all)",
    Number,
  )
  .option("--pod-network-cidr <range>", `addresses of pods, or RANGE,RANGE of both families (default: ${DEFAULT_OPTIONS.podCidr})`)
  .option("--service-cidr <range>", `addresses of services, or RANGE,RANGE (default: ${DEFAULT_OPTIONS.serviceCidr})`)
  .option(
    "--node-cidr-mask-size-ipv4 <length>",
    `prefix length of a node's part of the pods' IPv4 range (default: ${DEFAULT_OPTIONS.nodeCidrMaskSizeIpv4})`,
    Number,
  )
  .option("--node-cidr-mask-size-ipv6 <length>", `the same for IPv6 (default: ${DEFAULT_OPTIONS.nodeCidrMaskSizeIpv6})`, Number)
  .option("--node-network-cidr <range>", `addresses of nodes beside the first, or RANGE,RANGE (default: ${DEFAULT_OPTIONS.nodeNetworkCidr})`)
  .option("--service-node-port-range <from-to>", `ports for NodePort services (default: ${DEFAULT_OPTIONS.serviceNodePortRange})`)
  .option("--scheduler-config <file>", "a KubeSchedulerConfiguration (v1): profiles, plugins, their arguments; read at every start")
  .option("--kubelet-config <file>", "how the node's kubelet behaves: a KubeletConfiguration (kubelet.config.k8s.io/v1beta1), read at each start")
  .option("--pod-manifest-path <folder>", "manifests of static pods (default: the folder static-pods in the data folder)")
  .option("--max-pods <number>", "how many pods the node takes (default: 110)", Number)
  .option("--node-labels <pairs>", "labels of the node, e.g. disk=ssd,zone=a")
  .option("--register-with-taints <taints>", "taints that the node gets when it is new, e.g. dedicated=db:NoSchedule")
  .action(async (options: import("./start.ts").StartFlags) => (await import("./start.ts")).start(options));

program
  .command("stop")
  .description("stop the cluster and its containers; everything stored stays")
  .addOption(dataDir())
  .action(async (options: { dataDir?: string }) => (await import("./stop.ts")).stop(options));

program
  .command("delete")
  .description("stop the cluster and remove everything it made on this machine")
  .addOption(dataDir())
  .action(async (options: { dataDir?: string }) => (await import("./stop.ts")).deleteCluster(options));

program
  .command("status")
  .description("say whether the cluster runs; exits with 3 when it does not")
  .addOption(dataDir())
  .addOption(output())
  .action(async (options: { dataDir?: string; output: "text" | "json" }) => (await import("./status.ts")).status(options));

program
  .command("ip")
  .description("print the node's address")
  .addOption(dataDir())
  .action(async (options: { dataDir?: string }) => (await import("./status.ts")).ip(options));

program
  .command("service")
  .description("print how to reach a service from this machine")
  .argument("<name>", "name of a NodePort or LoadBalancer service")
  .addOption(dataDir())
  .option("-n, --namespace <namespace>", "namespace of the service", "default")
  .option("--url", "print the URLs alone")
  .action(async (name: string, options: import("./service.ts").ServiceFlags) => (await import("./service.ts")).service(name, options));

program
  .command("kubeconfig")
  .description("print the administrator's kubeconfig")
  .addOption(dataDir())
  .action(async (options: { dataDir?: string }) => (await import("./status.ts")).kubeconfig(options));

program
  .command("logs")
  .description("print the log of the cluster itself")
  .addOption(dataDir())
  .option("--node <name>", "the log of a node beside the first one instead")
  .option("-f, --follow", "go on as the log grows")
  .option("--tail <lines>", "begin with the last lines only", Number)
  .action(async (options: import("./logs.ts").LogsFlags) => (await import("./logs.ts")).logs(options));

const node = program.command("node").description("more nodes on this machine, each with its own network, processes and containerd");
node
  .command("add")
  .description("make a node and start it; returns when it is Ready")
  .argument("<name>", "name of the new node")
  .addOption(dataDir())
  .option("--max-pods <number>", "how many pods the node takes (default: as the first node)", Number)
  .option("--node-labels <pairs>", "labels of the node, e.g. disk=ssd,zone=a")
  .option("--register-with-taints <taints>", "taints that the node gets, e.g. dedicated=db:NoSchedule")
  .action(async (name: string, options: import("./node.ts").AddFlags) => (await import("./node.ts")).add(name, options));
node
  .command("stop")
  .description("cut a node's power: everything in it ends at once, and the cluster has to cope")
  .argument("<name>", "name of the node")
  .addOption(dataDir())
  .action(async (name: string, options: { dataDir?: string }) => (await import("./node.ts")).stop(name, options));
node
  .command("start")
  .description("give a stopped node its power back; it has its disk, and no containers run; returns when it is Ready")
  .argument("<name>", "name of the node")
  .addOption(dataDir())
  .action(async (name: string, options: { dataDir?: string }) => (await import("./node.ts")).start(name, options));
node
  .command("delete")
  .description("remove a node from the cluster, and everything of it from this machine")
  .argument("<name>", "name of the node")
  .addOption(dataDir())
  .action(async (name: string, options: { dataDir?: string }) => (await import("./node.ts")).remove(name, options));
node
  .command("list")
  .description("list the nodes of this machine: name, addresses, whether it has power, whether it is Ready")
  .addOption(dataDir())
  .addOption(output())
  .action(async (options: { dataDir?: string; output: "text" | "json" }) => (await import("./node.ts")).list(options));
// The program inside a node; what makes the node's namespaces launches it.
node
  .command("run", { hidden: true })
  .requiredOption("--data-dir <folder>")
  .action(async (options: { dataDir: string }) => (await import("../cluster/nodes/run-node.host.ts")).runNode(options.dataDir));

const image = program.command("image").description("bring images into the cluster without a registry");
image
  .command("load")
  .description("load images from an archive that `docker save` or another OCI tool wrote")
  .argument("<archive>", "path of the archive")
  .addOption(dataDir())
  .option("--node <name>", "only this node (default: every node of this machine that runs)")
  .action(async (archive: string, options: import("./image.ts").ImageFlags) => (await import("./image.ts")).load(archive, options));
image
  .command("build")
  .description("build an image from a folder with a Dockerfile of FROM scratch, COPY, ENV, WORKDIR, USER, EXPOSE, ENTRYPOINT and CMD")
  .argument("<folder>", "the folder with the Dockerfile")
  .requiredOption("-t, --tag <name>", "name of the image, e.g. web:1")
  .addOption(dataDir())
  .option("--node <name>", "only this node (default: every node of this machine that runs)")
  .action(async (folder: string, options: import("./image.ts").ImageFlags & { tag: string }) => (await import("./image.ts")).build(folder, options));
image
  .command("ls")
  .description("list the images that the nodes have")
  .addOption(dataDir())
  .option("--node <name>", "only this node (default: every node of this machine that runs)")
  .action(async (options: import("./image.ts").ImageFlags) => (await import("./image.ts")).list(options));

program
  .command("version")
  .description("print the version")
  .addOption(output())
  .action(async (options: { output: "text" | "json" }) => (await import("./version.ts")).version(options));

program
  .command("etcd")
  .description("serve the store alone, with etcd's v3 API and flags")
  .option("--name <name>", "name of the member", "default")
  .option("--data-dir <folder>", "where the data is kept (default: NAME.etcd)")
  .option("--listen-client-urls <urls>", "where to listen, separated by commas", "http://localhost:2379")
  .option("--advertise-client-urls <urls>", "what clients are told (default: where it listens)")
  .option("--listen-metrics-urls <urls>", "more addresses, for /metrics and /health")
  .option("--cert-file <file>", "the server's certificate, PEM")
  .option("--key-file <file>", "its private key, PEM")
  .option("--trusted-ca-file <file>", "who vouches for clients, PEM")
  .option("--client-cert-auth", "demand a certificate of every client")
  .option("--quota-backend-bytes <bytes>", "raise an alarm when so much holds data; 0: no quota", Number, 0)
  .addOption(new Option("--auto-compaction-mode <mode>", "what the retention counts").choices(["periodic", "revision"]).default("periodic"))
  .option("--auto-compaction-retention <amount>", "how much history is kept: hours, a duration, or revisions; 0: all", "0")
  .addOption(new Option("--log-level <level>", "what is logged").choices(["debug", "info", "warn", "error"]).default("info"))
  .action(async (options: import("./etcd.ts").EtcdFlags) => (await import("./etcd.ts")).etcd(options));

// The detached process itself; `kubets start` launches it.
program
  .command("run-cluster", { hidden: true })
  .requiredOption("--data-dir <folder>")
  .action(async (options: { dataDir: string }) => (await import("../cluster/run-cluster.host.ts")).runCluster(options.dataDir));

/** Runs what the process's arguments ask for. */
export async function runCommandLine(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = explain(error);
  }
}

/** Prints what went wrong, without a stack where the user can mend it, and gives the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode;
  if (
    error instanceof UserError ||
    (error instanceof Error &&
      ["OptionsError", "DaemonError", "ClaimError", "ContainerdError", "NodeMachineError", "InstallError", "ImageError", "StoreError"].includes(error.name))
  ) {
    process.stderr.write(`${pc.red("error:")} ${error.message}\n`);
    return error instanceof UserError ? error.exitCode : 1;
  }
  if (error instanceof Error && "syscall" in error) {
    process.stderr.write(`${pc.red("error:")} ${error.message}\n`);
    return 1;
  }
  throw error;
}

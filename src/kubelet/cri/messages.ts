// The messages of the Container Runtime Interface v1 (https://github.com/kubernetes/cri-api) and of containerd's event
// service, as far as kubets uses them: names, field numbers and types. Field numbers are the wire contract; the names are
// ours (protobuf sends numbers only). Enumerations are `int32`, whose encoding is the same; convert.ts names their values.
//
// The texts of fields are explained at `MessageTable`.
import type { MessageTable } from "../../base/index.ts";

const sandboxMessages: MessageTable = {
  PodSandboxMetadata: { name: "1 string", uid: "2 string", namespace: "3 string", attempt: "4 uint32" },
  DnsConfig: { servers: "1 string[]", searches: "2 string[]", options: "3 string[]" },
  PortMapping: { protocol: "1 int32", containerPort: "2 int32", hostPort: "3 int32", hostIp: "4 string" },
  NamespaceOption: { network: "1 int32", pid: "2 int32", ipc: "3 int32", targetId: "4 string" },
  Int64Value: { value: "1 int64" },
  UInt64Value: { value: "1 uint64" },
  SelinuxOption: { user: "1 string", role: "2 string", type: "3 string", level: "4 string" },
  SecurityProfile: { profileType: "1 int32", localhostRef: "2 string" },
  LinuxSandboxSecurityContext: {
    namespaceOptions: "1 NamespaceOption",
    selinuxOptions: "2 SelinuxOption",
    runAsUser: "3 Int64Value",
    readonlyRootfs: "4 bool",
    supplementalGroups: "5 int64[]",
    privileged: "6 bool",
    runAsGroup: "8 Int64Value",
    seccomp: "9 SecurityProfile",
  },
  LinuxPodSandboxConfig: { cgroupParent: "1 string", securityContext: "2 LinuxSandboxSecurityContext", sysctls: "3 map" },
  PodSandboxConfig: {
    metadata: "1 PodSandboxMetadata",
    hostname: "2 string",
    logDirectory: "3 string",
    dnsConfig: "4 DnsConfig",
    portMappings: "5 PortMapping[]",
    labels: "6 map",
    annotations: "7 map",
    linux: "8 LinuxPodSandboxConfig",
  },
  RunPodSandboxRequest: { config: "1 PodSandboxConfig", runtimeHandler: "2 string" },
  PodSandboxId: { podSandboxId: "1 string" },
  PodIp: { ip: "1 string" },
  PodSandboxNetworkStatus: { ip: "1 string", additionalIps: "2 PodIp[]" },
  PodSandboxStatus: {
    id: "1 string",
    metadata: "2 PodSandboxMetadata",
    state: "3 int32",
    createdAt: "4 int64",
    network: "5 PodSandboxNetworkStatus",
    labels: "7 map",
    annotations: "8 map",
  },
  PodSandboxStatusResponse: { status: "1 PodSandboxStatus" },
  PodSandboxFilter: { labelSelector: "3 map" },
  ListPodSandboxRequest: { filter: "1 PodSandboxFilter" },
  PodSandbox: { id: "1 string", metadata: "2 PodSandboxMetadata", state: "3 int32", createdAt: "4 int64", labels: "5 map", annotations: "6 map" },
  ListPodSandboxResponse: { items: "1 PodSandbox[]" },
};

const containerMessages: MessageTable = {
  ContainerMetadata: { name: "1 string", attempt: "2 uint32" },
  ImageSpec: { image: "1 string", annotations: "2 map", userSpecifiedImage: "18 string" },
  KeyValue: { key: "1 string", value: "2 string" },
  ContainerMount: { containerPath: "1 string", hostPath: "2 string", readonly: "3 bool", propagation: "5 int32" },
  Device: { containerPath: "1 string", hostPath: "2 string", permissions: "3 string" },
  LinuxContainerResources: {
    cpuPeriod: "1 int64",
    cpuQuota: "2 int64",
    cpuShares: "3 int64",
    memoryLimitInBytes: "4 int64",
    oomScoreAdj: "5 int64",
    unified: "9 map",
  },
  Capability: { addCapabilities: "1 string[]", dropCapabilities: "2 string[]" },
  LinuxContainerSecurityContext: {
    capabilities: "1 Capability",
    privileged: "2 bool",
    namespaceOptions: "3 NamespaceOption",
    selinuxOptions: "4 SelinuxOption",
    runAsUser: "5 Int64Value",
    runAsUsername: "6 string",
    readonlyRootfs: "7 bool",
    supplementalGroups: "8 int64[]",
    noNewPrivs: "11 bool",
    runAsGroup: "12 Int64Value",
    maskedPaths: "13 string[]",
    readonlyPaths: "14 string[]",
    seccomp: "15 SecurityProfile",
    apparmor: "16 SecurityProfile",
  },
  LinuxContainerConfig: { resources: "1 LinuxContainerResources", securityContext: "2 LinuxContainerSecurityContext" },
  ContainerConfig: {
    metadata: "1 ContainerMetadata",
    image: "2 ImageSpec",
    command: "3 string[]",
    args: "4 string[]",
    workingDir: "5 string",
    envs: "6 KeyValue[]",
    mounts: "7 ContainerMount[]",
    devices: "8 Device[]",
    labels: "9 map",
    annotations: "10 map",
    logPath: "11 string",
    stdin: "12 bool",
    stdinOnce: "13 bool",
    tty: "14 bool",
    linux: "15 LinuxContainerConfig",
    stopSignal: "18 int32",
  },
  CreateContainerRequest: { podSandboxId: "1 string", config: "2 ContainerConfig", sandboxConfig: "3 PodSandboxConfig" },
  ContainerId: { containerId: "1 string" },
  StopContainerRequest: { containerId: "1 string", timeout: "2 int64" },
  ContainerFilter: { podSandboxId: "3 string", labelSelector: "4 map" },
  ListContainersRequest: { filter: "1 ContainerFilter" },
  Container: {
    id: "1 string",
    podSandboxId: "2 string",
    metadata: "3 ContainerMetadata",
    image: "4 ImageSpec",
    imageRef: "5 string",
    state: "6 int32",
    createdAt: "7 int64",
    labels: "8 map",
    annotations: "9 map",
  },
  ListContainersResponse: { containers: "1 Container[]" },
  ContainerStatus: {
    id: "1 string",
    metadata: "2 ContainerMetadata",
    state: "3 int32",
    createdAt: "4 int64",
    startedAt: "5 int64",
    finishedAt: "6 int64",
    exitCode: "7 int32",
    image: "8 ImageSpec",
    imageRef: "9 string",
    reason: "10 string",
    message: "11 string",
    labels: "12 map",
    annotations: "13 map",
    logPath: "15 string",
  },
  ContainerStatusResponse: { status: "1 ContainerStatus" },
  UpdateContainerResourcesRequest: { containerId: "1 string", linux: "2 LinuxContainerResources" },
};

const streamingMessages: MessageTable = {
  ExecSyncRequest: { containerId: "1 string", cmd: "2 string[]", timeout: "3 int64" },
  ExecSyncResponse: { stdout: "1 bytes", stderr: "2 bytes", exitCode: "3 int32" },
  ExecRequest: { containerId: "1 string", cmd: "2 string[]", tty: "3 bool", stdin: "4 bool", stdout: "5 bool", stderr: "6 bool" },
  AttachRequest: { containerId: "1 string", stdin: "2 bool", tty: "3 bool", stdout: "4 bool", stderr: "5 bool" },
  PortForwardRequest: { podSandboxId: "1 string", port: "2 int32[]" },
  StreamingUrl: { url: "1 string" },
};

const imageMessages: MessageTable = {
  Image: { id: "1 string", repoTags: "2 string[]", repoDigests: "3 string[]", size: "4 uint64", uid: "5 Int64Value", username: "6 string", pinned: "8 bool" },
  ImageFilter: { image: "1 ImageSpec" },
  ListImagesRequest: { filter: "1 ImageFilter" },
  ListImagesResponse: { images: "1 Image[]" },
  ImageRequest: { image: "1 ImageSpec" },
  ImageStatusRequest: { image: "1 ImageSpec", verbose: "2 bool" },
  ImageStatusResponse: { image: "1 Image", info: "2 map" },
  AuthConfig: { username: "1 string", password: "2 string", serverAddress: "4 string" },
  PullImageRequest: { image: "1 ImageSpec", auth: "2 AuthConfig" },
  PullImageResponse: { imageRef: "1 string" },
  FilesystemIdentifier: { mountpoint: "1 string" },
  ImageFilesystem: { fsId: "2 FilesystemIdentifier" },
  ImageFsInfoResponse: { imageFilesystems: "1 ImageFilesystem[]" },
};

const runtimeMessages: MessageTable = {
  Empty: {},
  VersionResponse: { version: "1 string", runtimeName: "2 string", runtimeVersion: "3 string", runtimeApiVersion: "4 string" },
  RuntimeCondition: { type: "1 string", status: "2 bool", reason: "3 string", message: "4 string" },
  RuntimeStatus: { conditions: "1 RuntimeCondition[]" },
  StatusRequest: { verbose: "1 bool" },
  RuntimeHandlerFeatures: { recursiveReadOnlyMounts: "1 bool", userNamespaces: "2 bool" },
  RuntimeHandler: { name: "1 string", features: "2 RuntimeHandlerFeatures" },
  RuntimeFeatures: { supplementalGroupsPolicy: "1 bool" },
  StatusResponse: { status: "1 RuntimeStatus", info: "2 map", runtimeHandlers: "3 RuntimeHandler[]", features: "4 RuntimeFeatures" },
  NetworkConfig: { podCidr: "1 string" },
  RuntimeConfig: { networkConfig: "1 NetworkConfig" },
  UpdateRuntimeConfigRequest: { runtimeConfig: "1 RuntimeConfig" },
  ContainerAttributes: { id: "1 string" },
  CpuUsage: { usageCoreNanoSeconds: "2 UInt64Value" },
  MemoryUsage: { workingSetBytes: "2 UInt64Value" },
  FilesystemUsage: { usedBytes: "3 UInt64Value" },
  ContainerStats: { attributes: "1 ContainerAttributes", cpu: "2 CpuUsage", memory: "3 MemoryUsage", writableLayer: "4 FilesystemUsage" },
  ListContainerStatsResponse: { stats: "1 ContainerStats[]" },
};

/** containerd.services.events.v1 and the event payloads that tell of a container's life. */
const eventMessages: MessageTable = {
  SubscribeRequest: { filters: "1 string[]" },
  AnyPayload: { typeUrl: "1 string", value: "2 bytes" },
  Envelope: { namespace: "2 string", topic: "3 string", event: "4 AnyPayload" },
  TaskStart: { containerId: "1 string" },
  TaskExit: { containerId: "1 string", id: "2 string" },
  TaskOom: { containerId: "1 string" },
  ContainerDelete: { id: "1 string" },
};

/** containerd.services.snapshots.v1: the unpacked layers of images. */
const snapshotMessages: MessageTable = {
  ViewSnapshotRequest: { snapshotter: "1 string", key: "2 string", parent: "3 string", labels: "4 map" },
  SnapshotRequest: { snapshotter: "1 string", key: "2 string" },
  Mount: { type: "1 string", source: "2 string", options: "4 string[]" },
  SnapshotMounts: { mounts: "1 Mount[]" },
};

export const messages: MessageTable = {
  ...sandboxMessages,
  ...containerMessages,
  ...streamingMessages,
  ...imageMessages,
  ...runtimeMessages,
  ...eventMessages,
  ...snapshotMessages,
};

const runtimeService = "/runtime.v1.RuntimeService/";
const imageService = "/runtime.v1.ImageService/";

interface Method {
  readonly path: string;
  readonly request: string;
  readonly response: string;
}

function runtimeMethod(name: string, request: string, response: string): Method {
  return { path: runtimeService + name, request, response };
}

function imageMethod(name: string, request: string, response: string): Method {
  return { path: imageService + name, request, response };
}

export const methods = {
  version: runtimeMethod("Version", "Empty", "VersionResponse"),
  status: runtimeMethod("Status", "StatusRequest", "StatusResponse"),
  runPodSandbox: runtimeMethod("RunPodSandbox", "RunPodSandboxRequest", "PodSandboxId"),
  stopPodSandbox: runtimeMethod("StopPodSandbox", "PodSandboxId", "Empty"),
  removePodSandbox: runtimeMethod("RemovePodSandbox", "PodSandboxId", "Empty"),
  podSandboxStatus: runtimeMethod("PodSandboxStatus", "PodSandboxId", "PodSandboxStatusResponse"),
  listPodSandbox: runtimeMethod("ListPodSandbox", "ListPodSandboxRequest", "ListPodSandboxResponse"),
  createContainer: runtimeMethod("CreateContainer", "CreateContainerRequest", "ContainerId"),
  startContainer: runtimeMethod("StartContainer", "ContainerId", "Empty"),
  stopContainer: runtimeMethod("StopContainer", "StopContainerRequest", "Empty"),
  removeContainer: runtimeMethod("RemoveContainer", "ContainerId", "Empty"),
  listContainers: runtimeMethod("ListContainers", "ListContainersRequest", "ListContainersResponse"),
  containerStatus: runtimeMethod("ContainerStatus", "ContainerId", "ContainerStatusResponse"),
  updateContainerResources: runtimeMethod("UpdateContainerResources", "UpdateContainerResourcesRequest", "Empty"),
  reopenContainerLog: runtimeMethod("ReopenContainerLog", "ContainerId", "Empty"),
  execSync: runtimeMethod("ExecSync", "ExecSyncRequest", "ExecSyncResponse"),
  exec: runtimeMethod("Exec", "ExecRequest", "StreamingUrl"),
  attach: runtimeMethod("Attach", "AttachRequest", "StreamingUrl"),
  portForward: runtimeMethod("PortForward", "PortForwardRequest", "StreamingUrl"),
  listContainerStats: runtimeMethod("ListContainerStats", "Empty", "ListContainerStatsResponse"),
  updateRuntimeConfig: runtimeMethod("UpdateRuntimeConfig", "UpdateRuntimeConfigRequest", "Empty"),
  listImages: imageMethod("ListImages", "ListImagesRequest", "ListImagesResponse"),
  imageStatus: imageMethod("ImageStatus", "ImageStatusRequest", "ImageStatusResponse"),
  pullImage: imageMethod("PullImage", "PullImageRequest", "PullImageResponse"),
  removeImage: imageMethod("RemoveImage", "ImageRequest", "Empty"),
  imageFsInfo: imageMethod("ImageFsInfo", "Empty", "ImageFsInfoResponse"),
} as const satisfies Record<string, Method>;

export const subscribeMethod: Method = {
  path: "/containerd.services.events.v1.Events/Subscribe",
  request: "SubscribeRequest",
  response: "Envelope",
};

const snapshotService = "/containerd.services.snapshots.v1.Snapshots/";

export const snapshotMethods = {
  view: { path: `${snapshotService}View`, request: "ViewSnapshotRequest", response: "SnapshotMounts" },
  mounts: { path: `${snapshotService}Mounts`, request: "SnapshotRequest", response: "SnapshotMounts" },
  remove: { path: `${snapshotService}Remove`, request: "SnapshotRequest", response: "Empty" },
} as const satisfies Record<string, Method>;

// Volume sources of hosts, networks and clouds, each with the few fields that it cannot do without.
import { checkOneOf, checkRequired } from "../field-checks.ts";
import { type FieldError, type FieldPath, invalid, required } from "../field-errors.ts";
import type { Volume } from "../generated/types.ts";
import { checkDescendingPath, checkNoBacksteps } from "./path-checks.ts";

export interface SourceCheck {
  readonly source: Exclude<keyof Volume, "name">;
  /** Where errors point, when it is not the source's own name. */
  readonly path?: string;
  check(path: FieldPath, volume: Volume): FieldError[];
}

const HOST_PATH_TYPES = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
const QUALIFIED_NAMES: readonly (readonly [string, RegExp])[] = [
  ["iqn", /iqn\.\d{4}-\d{2}\.([0-9A-Za-z\-.]+)(:[^,;*&$|\s]+)$/],
  ["eui", /^eui.[0-9A-Za-z]{16}$/],
  ["naa", /^naa.[0-9A-Za-z]{32}$/],
];

function checkInitiator(path: FieldPath, name: string): FieldError[] {
  const format = QUALIFIED_NAMES.find(([prefix]) => name.startsWith(prefix));
  if (format === undefined) return [invalid(path, name, "must be valid format starting with iqn, eui, or naa")];
  return format[1].test(name) ? [] : [invalid(path, name, "must be valid format")];
}

function checkByte(path: FieldPath, value: number | undefined, low: number): FieldError[] {
  return value !== undefined && (value < 0 || value > 255) ? [invalid(path, value, `must be between ${low} and 255, inclusive`)] : [];
}

function checkIscsi(path: FieldPath, { name, iscsi }: Volume): FieldError[] {
  if (iscsi === undefined) return [];
  const errors = checkRequired(path.child("targetPortal"), iscsi.targetPortal);
  if (iscsi.iqn) errors.push(...checkInitiator(path.child("iqn"), iscsi.iqn));
  else errors.push(required(path.child("iqn")));
  errors.push(...checkByte(path.child("lun"), iscsi.lun, 0));
  if ((iscsi.chapAuthDiscovery === true || iscsi.chapAuthSession === true) && iscsi.secretRef === undefined) errors.push(required(path.child("secretRef")));
  if (iscsi.initiatorName === undefined) return errors;
  errors.push(...checkInitiator(path.child("initiatorname"), iscsi.initiatorName));
  if (`${name}:${iscsi.targetPortal}`.length > 64) {
    const text = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
    errors.push(invalid(path.child("name"), name, text));
  }
  return errors;
}

function checkFibreChannel(path: FieldPath, { fc }: Volume): FieldError[] {
  const names = fc?.targetWWNs ?? [];
  const ids = fc?.wwids ?? [];
  const errors: FieldError[] = [];
  if (names.length === 0 && ids.length === 0) errors.push(required(path.child("targetWWNs"), "must specify either targetWWNs or wwids, but not both"));
  if (names.length > 0 && ids.length > 0) errors.push(invalid(path.child("targetWWNs"), names, "targetWWNs and wwids can not be specified simultaneously"));
  if (names.length > 0 && fc?.lun === undefined) errors.push(required(path.child("lun"), "lun is required if targetWWNs is specified"));
  return [...errors, ...(names.length > 0 ? checkByte(path.child("lun"), fc?.lun, 0) : [])];
}

function checkAbsolute(path: FieldPath, target: string | undefined): FieldError[] {
  return target?.startsWith("/") ? [] : [invalid(path, target ?? "", "must be an absolute path")];
}

export const legacyVolumeChecks: readonly SourceCheck[] = [
  {
    source: "hostPath",
    check: (path, { hostPath }) => {
      if (!hostPath?.path) return [required(path.child("path"))];
      return [...checkNoBacksteps(path.child("path"), hostPath.path), ...checkOneOf(path.child("type"), hostPath.type, HOST_PATH_TYPES)];
    },
  },
  {
    source: "gitRepo",
    check: (path, { gitRepo }) => [
      ...checkRequired(path.child("repository"), gitRepo?.repository),
      ...checkDescendingPath(path.child("directory"), gitRepo?.directory ?? ""),
    ],
  },
  {
    source: "gcePersistentDisk",
    path: "persistentDisk",
    check: (path, { gcePersistentDisk: disk }) => [
      ...checkRequired(path.child("pdName"), disk?.pdName),
      ...checkByte(path.child("partition"), disk?.partition, 1),
    ],
  },
  {
    source: "awsElasticBlockStore",
    check: (path, { awsElasticBlockStore: store }) => [
      ...checkRequired(path.child("volumeID"), store?.volumeID),
      ...checkByte(path.child("partition"), store?.partition, 1),
    ],
  },
  {
    source: "nfs",
    check: (path, { nfs }) => [
      ...checkRequired(path.child("server"), nfs?.server),
      ...checkRequired(path.child("path"), nfs?.path),
      ...checkAbsolute(path.child("path"), nfs?.path),
    ],
  },
  { source: "iscsi", check: checkIscsi },
  {
    source: "glusterfs",
    check: (path, { glusterfs }) => [...checkRequired(path.child("endpoints"), glusterfs?.endpoints), ...checkRequired(path.child("path"), glusterfs?.path)],
  },
  {
    source: "flocker",
    check: (path, { flocker: { datasetName = "", datasetUUID = "" } = {} }) => [
      ...(datasetName === "" && datasetUUID === "" ? [required(path, "one of datasetName and datasetUUID is required")] : []),
      ...(datasetName !== "" && datasetUUID !== "" ? [invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously")] : []),
      ...(datasetName.includes("/") ? [invalid(path.child("datasetName"), datasetName, "must not contain '/'")] : []),
    ],
  },
  {
    source: "rbd",
    check: (path, { rbd }) => [
      ...((rbd?.monitors ?? []).length === 0 ? [required(path.child("monitors"))] : []),
      ...checkRequired(path.child("image"), rbd?.image),
    ],
  },
  {
    source: "cinder",
    check: (path, { cinder }) => [
      ...checkRequired(path.child("volumeID"), cinder?.volumeID),
      ...(cinder?.secretRef === undefined ? [] : checkRequired(path.child("secretRef", "name"), cinder.secretRef.name)),
    ],
  },
  { source: "cephfs", check: (path, { cephfs }) => ((cephfs?.monitors ?? []).length === 0 ? [required(path.child("monitors"))] : []) },
  {
    source: "quobyte",
    check: (path, { quobyte }) => [
      ...checkRequired(path.child("registry"), quobyte?.registry, "must be a host:port pair or multiple pairs separated by commas"),
      ...checkRequired(path.child("volume"), quobyte?.volume),
    ],
  },
  { source: "fc", check: checkFibreChannel },
  { source: "flexVolume", check: (path, { flexVolume }) => checkRequired(path.child("driver"), flexVolume?.driver) },
  {
    source: "azureFile",
    check: (path, { azureFile }) => [
      ...checkRequired(path.child("secretName"), azureFile?.secretName),
      ...checkRequired(path.child("shareName"), azureFile?.shareName),
    ],
  },
  { source: "vsphereVolume", check: (path, { vsphereVolume }) => checkRequired(path.child("volumePath"), vsphereVolume?.volumePath) },
  { source: "photonPersistentDisk", check: (path, { photonPersistentDisk: disk }) => checkRequired(path.child("pdID"), disk?.pdID) },
  { source: "portworxVolume", check: (path, { portworxVolume }) => checkRequired(path.child("volumeID"), portworxVolume?.volumeID) },
  {
    source: "azureDisk",
    check: (path, { azureDisk: { diskName = "", diskURI = "", kind = "Shared", cachingMode = "ReadWrite" } = {} }) => [
      ...checkRequired(path.child("diskName"), diskName),
      ...checkRequired(path.child("diskURI"), diskURI),
      ...checkOneOf(path.child("cachingMode"), cachingMode, ["None", "ReadOnly", "ReadWrite"]),
      ...checkOneOf(path.child("kind"), kind, ["Dedicated", "Managed", "Shared"]),
    ],
  },
  { source: "storageos", check: (path, { storageos }) => checkRequired(path.child("volumeName"), storageos?.volumeName) },
  {
    source: "scaleIO",
    check: (path, { scaleIO }) => [
      ...checkRequired(path.child("gateway"), scaleIO?.gateway),
      ...checkRequired(path.child("system"), scaleIO?.system),
      ...checkRequired(path.child("volumeName"), scaleIO?.volumeName),
    ],
  },
];

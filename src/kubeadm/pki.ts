// What a cluster's components identify themselves with: two authorities, their certificates and the key of service account
// tokens, as kubeadm lays them out (https://kubernetes.io/docs/setup/best-practices/certificates/). Keys are ECDSA P-256.
//
// The administrator's certificate and the API server's towards the kubelets are of group `system:masters`: they work even when
// RBAC objects were lost, as kubeadm's super-admin.conf does.
import type { Env } from "../base/index.ts";
import {
  type AlternativeNames,
  type Certificate,
  type ExtendedUsage,
  encodeSubject,
  equalBytes,
  isIssuedBy,
  issueCertificate,
  readCertificate,
  type Subject,
} from "./certificate.ts";
import { generateKey, importPrivateKey, privateKeyPem, publicKeyPem, type SigningKey } from "./keys.ts";

/** A certificate and its private key, both PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

export type AuthorityName = "ca" | "frontProxyCa";
export type LeafName =
  | "apiServer"
  | "apiServerKubeletClient"
  | "frontProxyClient"
  | "admin"
  | "controllerManager"
  | "scheduler"
  | "kubeletClient"
  | "kubeletServing";

export interface Pki extends Readonly<Record<AuthorityName | LeafName, CertificatePair>> {
  /** Signs and verifies service account tokens. PEM: PKCS#8, SPKI. */
  readonly serviceAccount: { readonly privateKey: string; readonly publicKey: string };
}

export interface PkiOptions {
  readonly nodeName: string;
  /** Addresses under which the node, and on it the API server, is reached. */
  readonly nodeIps: readonly string[];
  /** The first address of the service range. */
  readonly apiServiceIp: string;
  readonly clusterDomain: string;
  /** More names or addresses of the API server. */
  readonly extraNames?: readonly string[];
}

const YEAR_MS = 365 * 24 * 60 * 60_000;
const AUTHORITY_LIFETIME_MS = 10 * YEAR_MS;
const LEAF_LIFETIME_MS = YEAR_MS;
/** A certificate that ends sooner is replaced. */
const RENEW_BEFORE_MS = 90 * 24 * 60 * 60_000;
/** Clocks of the machines may differ by so much. */
const BACKDATE_MS = 5 * 60_000;

interface LeafPlan extends LeafContents {
  readonly issuer: AuthorityName;
}

/** A certification authority that can issue. */
export interface Authority {
  readonly certificate: Certificate;
  readonly key: SigningKey;
}

/**
 * The complete set. What `existing` holds is kept as long as it fits: signed by its authority, for these names and addresses,
 * with its key, and good for another three months.
 */
export async function createPki(env: Env, options: PkiOptions, existing: Partial<Pki> = {}): Promise<Pki> {
  const authorities = {
    ca: await authority(env, "kubernetes", existing.ca),
    frontProxyCa: await authority(env, "front-proxy-ca", existing.frontProxyCa),
  };
  const plans = leafPlans(options);
  const names = Object.keys(plans) as LeafName[];
  const leaves = await Promise.all(names.map(async (name) => [name, await leaf(env, authorities[plans[name].issuer], plans[name], existing[name])] as const));
  return {
    ca: await pairOf(authorities.ca),
    frontProxyCa: await pairOf(authorities.frontProxyCa),
    ...(Object.fromEntries(leaves) as Record<LeafName, CertificatePair>),
    serviceAccount: existing.serviceAccount ?? (await serviceAccountKeys()),
  };
}

/** @throws KeyError, DerError, TypeError when the pair cannot be read. */
export async function importAuthority(pair: CertificatePair): Promise<Authority> {
  return { certificate: readCertificate(pair.certificate), key: await importPrivateKey(pair.key) };
}

/** A new client certificate, as for another user of the cluster. */
export async function createClientCertificate(env: Env, issuer: Authority, subject: Subject): Promise<CertificatePair> {
  return issueLeaf(env, issuer, { subject, usages: ["clientAuth"] });
}

function leafPlans(options: PkiOptions): Readonly<Record<LeafName, LeafPlan>> {
  const { nodeName, nodeIps, apiServiceIp, clusterDomain, extraNames = [] } = options;
  const client = (commonName: string, ...organizations: string[]): LeafPlan => ({
    issuer: "ca",
    subject: { commonName, organizations },
    usages: ["clientAuth"],
  });
  const node: Subject = { commonName: `system:node:${nodeName}`, organizations: ["system:nodes"] };
  const loopback = ["127.0.0.1", "::1"];
  const apiServer: AlternativeNames = {
    dnsNames: unique([
      "kubernetes",
      "kubernetes.default",
      "kubernetes.default.svc",
      `kubernetes.default.svc.${clusterDomain}`,
      "localhost",
      nodeName,
      ...extraNames.filter((name) => !isIpAddress(name)),
    ]),
    ipAddresses: unique([apiServiceIp, ...loopback, ...nodeIps, ...extraNames.filter(isIpAddress)]),
  };
  const kubelet: AlternativeNames = { dnsNames: unique([nodeName, "localhost"]), ipAddresses: unique([...loopback, ...nodeIps]) };
  return {
    apiServer: { issuer: "ca", subject: { commonName: "kube-apiserver", organizations: [] }, usages: ["serverAuth"], alternativeNames: apiServer },
    apiServerKubeletClient: client("kube-apiserver-kubelet-client", "system:masters"),
    frontProxyClient: { ...client("front-proxy-client"), issuer: "frontProxyCa" },
    admin: client("kubernetes-admin", "system:masters"),
    controllerManager: client("system:kube-controller-manager"),
    scheduler: client("system:kube-scheduler"),
    kubeletClient: { issuer: "ca", subject: node, usages: ["clientAuth"] },
    kubeletServing: { issuer: "ca", subject: node, usages: ["serverAuth"], alternativeNames: kubelet },
  };
}

export async function authority(env: Env, commonName: string, existing: CertificatePair | undefined): Promise<Authority> {
  const kept = existing === undefined ? undefined : await readPair(existing);
  if (kept?.certificate.isAuthority && lasts(env, kept.certificate)) return kept;
  const key = await generateKey();
  const spec = {
    subject: { commonName, organizations: [] },
    ...validity(env, AUTHORITY_LIFETIME_MS),
    serial: serialNumber(env),
    isAuthority: true,
    usages: [],
  };
  const alternativeNames = { dnsNames: [commonName], ipAddresses: [] };
  return { key, certificate: readCertificate(await issueCertificate({ ...spec, alternativeNames }, key.publicKey, { key })) };
}

export async function leaf(env: Env, issuer: Authority, plan: LeafContents, existing: CertificatePair | undefined): Promise<CertificatePair> {
  return existing !== undefined && (await isStillGood(env, existing, plan, issuer.certificate)) ? existing : issueLeaf(env, issuer, plan);
}

export interface LeafContents {
  readonly subject: Subject;
  readonly usages: readonly ExtendedUsage[];
  readonly alternativeNames?: AlternativeNames;
}

/** Whether certificate and key belong together, are of this authority, say this much, and are good for another three months. */
export async function isStillGood(env: Env, pair: CertificatePair, contents: LeafContents, issuer: Certificate): Promise<boolean> {
  const kept = await readPair(pair);
  return kept !== undefined && lasts(env, kept.certificate) && fits(kept.certificate, contents) && (await isIssuedBy(kept.certificate, issuer));
}

async function issueLeaf(env: Env, issuer: Authority, plan: LeafContents): Promise<CertificatePair> {
  const key = await generateKey();
  const { subject, usages, alternativeNames } = plan;
  const spec = { subject, usages, alternativeNames, ...validity(env, LEAF_LIFETIME_MS), serial: serialNumber(env), isAuthority: false };
  return { certificate: await issueCertificate(spec, key.publicKey, issuer), key: await privateKeyPem(key) };
}

/** Undefined when certificate and key can't be read or don't belong together: they are replaced. */
async function readPair(pair: CertificatePair): Promise<Authority | undefined> {
  try {
    const read = await importAuthority(pair);
    return equalBytes(read.certificate.publicKey, read.key.publicKey) ? read : undefined;
  } catch {
    return undefined;
  }
}

function lasts(env: Env, certificate: Certificate): boolean {
  const now = env.clock.now();
  return certificate.notBeforeMs <= now && certificate.notAfterMs - RENEW_BEFORE_MS > now;
}

function fits(certificate: Certificate, plan: LeafContents): boolean {
  const { subject, usages, alternativeNames } = certificate;
  const sameSubject = equalBytes(encodeSubject(subject), encodeSubject(plan.subject));
  const covers = (have: readonly string[], want: readonly string[] = []) => want.every((name) => have.includes(name));
  return (
    sameSubject &&
    covers(usages, plan.usages) &&
    covers(alternativeNames.dnsNames, plan.alternativeNames?.dnsNames) &&
    covers(alternativeNames.ipAddresses, plan.alternativeNames?.ipAddresses)
  );
}

function validity(env: Env, lifetimeMs: number): { notBeforeMs: number; notAfterMs: number } {
  const notBeforeMs = env.clock.now() - BACKDATE_MS;
  return { notBeforeMs, notAfterMs: notBeforeMs + lifetimeMs };
}

/** 127 random bits: positive, and never the same twice. */
export function serialNumber(env: Env): Uint8Array {
  const serial = Uint8Array.from(env.random.bytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

export async function pairOf({ certificate, key }: Authority): Promise<CertificatePair> {
  return { certificate: certificate.pem, key: await privateKeyPem(key) };
}

async function serviceAccountKeys(): Promise<Pki["serviceAccount"]> {
  const key = await generateKey();
  return { privateKey: await privateKeyPem(key), publicKey: publicKeyPem(key) };
}

function isIpAddress(name: string): boolean {
  return name.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(name);
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}

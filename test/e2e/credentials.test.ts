// Credentials that the cluster hands out, seen through an unmodified kubectl: certificates by request, tokens kept in secrets, and the
// signatures that joining nodes trust. A whole cluster in this process; nothing runs on the machine.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSystemEnv } from "../../src/base/index.host.ts";
import { type Cluster, startCluster } from "../../src/cluster/index.ts";
import { encodeSubject } from "../../src/kubeadm/certificate.ts";
import { bitString, der, sequence, TAG } from "../../src/kubeadm/der.ts";
import { generateKey, privateKeyPem, sign, signatureAlgorithm } from "../../src/kubeadm/keys.ts";
import { encodePem } from "../../src/kubeadm/pem.ts";
import { type Kubectl, kubectlFor } from "./kubectl.host.ts";

let cluster: Cluster;
let folder: string;
let kubectl: Kubectl;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kubets-credentials-"));
  cluster = await startCluster({ env: createSystemEnv({ logLevel: "error" }) });
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, await cluster.kubeconfig());
  kubectl = kubectlFor(kubeconfig);
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A key and a request (PKCS#10) for a certificate of that subject. */
async function certificateRequest(commonName: string, ...organizations: string[]): Promise<{ key: string; request: string }> {
  const key = await generateKey();
  const info = sequence(der(TAG.integer, Uint8Array.of(0)), encodeSubject({ commonName, organizations }), key.publicKey, der(0xa0));
  const request = encodePem("CERTIFICATE REQUEST", sequence(info, signatureAlgorithm(key), bitString(await sign(key, info))));
  return { key: await privateKeyPem(key), request };
}

function manifest(name: string, signerName: string, request: string, usages: readonly string[]): string {
  const spec = { request: btoa(request), signerName, usages, expirationSeconds: 3600 };
  return JSON.stringify({ apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec });
}

async function eventually(args: readonly string[], good: (output: string) => boolean): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const { stdout } = await kubectl.try(args);
    if (good(stdout)) return stdout;
    if (attempt === 50) throw new Error(`kubectl ${args.join(" ")} gives ${JSON.stringify(stdout)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe("a certificate signing request", () => {
  it("that is approved gives a certificate to log in with", async () => {
    const { key, request } = await certificateRequest("jane", "team");
    await kubectl.run(["create", "-f", "-"], { input: manifest("jane", "kubernetes.io/kube-apiserver-client", request, ["client auth"]) });
    expect(await kubectl.run(["get", "csr", "jane", "--no-headers"])).toMatch(/kube-apiserver-client\s+kubernetes-admin\s+60m\s+Pending/);
    expect(await kubectl.run(["certificate", "approve", "jane"])).toBe("certificatesigningrequest.certificates.k8s.io/jane approved\n");
    const certificate = await eventually(["get", "csr", "jane", "-o", "jsonpath={.status.certificate}"], (text) => text !== "");
    expect(await kubectl.run(["get", "csr", "jane", "--no-headers"])).toMatch(/Approved,Issued/);
    const [keyFile, certificateFile] = [join(folder, "jane.key"), join(folder, "jane.crt")];
    await Promise.all([writeFile(keyFile, key, { mode: 0o600 }), writeFile(certificateFile, atob(certificate))]);
    await kubectl.run(["config", "set-credentials", "jane", `--client-key=${keyFile}`, `--client-certificate=${certificateFile}`]);
    const asJane = ["--user", "jane"];
    expect(await kubectl.run(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}:{.status.userInfo.groups}", ...asJane])).toBe(
      'jane:["team","system:authenticated"]',
    );
    expect((await kubectl.try(["get", "pods", ...asJane])).stderr).toContain('User "jane" cannot list resource "pods"');
    await kubectl.run(["create", "rolebinding", "jane", "--clusterrole=view", "--group=team"]);
    expect((await kubectl.try(["get", "pods", ...asJane])).stderr).toContain("No resources found in default namespace.");
  });

  it("that is denied gives none, and one that its signer may not sign fails", async () => {
    const { request } = await certificateRequest("joe");
    const client = "kubernetes.io/kube-apiserver-client";
    await kubectl.run(["create", "-f", "-"], { input: manifest("joe", client, request, ["client auth"]) });
    await kubectl.run(["certificate", "deny", "joe"]);
    await kubectl.run(["create", "-f", "-"], { input: manifest("odd", client, request, ["server auth"]) });
    await kubectl.run(["certificate", "approve", "odd"]);
    await eventually(["get", "csr", "odd", "--no-headers"], (text) => /Approved,Failed/.test(text));
    expect(await kubectl.run(["get", "csr", "odd", "-o", "jsonpath={.status.conditions[1].message}"])).toBe(
      "invalid usage for client certificate: server auth",
    );
    expect(await kubectl.run(["get", "csr", "joe", "--no-headers"])).toMatch(/Denied\n$/);
  });

  it("of a kubelet that introduces itself is approved by itself", async () => {
    const groups = ["--as=system:bootstrap:abcdef", "--as-group=system:bootstrappers", "--as-group=system:bootstrappers:kubeadm:default-node-token"];
    for (const [name, role] of [
      ["bootstrap", "system:node-bootstrapper"],
      ["approve", "system:certificates.k8s.io:certificatesigningrequests:nodeclient"],
    ] as const)
      await kubectl.run([
        "create",
        "clusterrolebinding",
        `kubeadm:${name}`,
        `--clusterrole=${role}`,
        "--group=system:bootstrappers:kubeadm:default-node-token",
      ]);
    const { request } = await certificateRequest("system:node:new", "system:nodes");
    const usages = ["digital signature", "client auth"];
    const input = manifest("node", "kubernetes.io/kube-apiserver-client-kubelet", request, usages);
    await kubectl.run(["create", "-f", "-", ...groups], { input });
    await eventually(["get", "csr", "node", "--no-headers"], (text) => /Approved,Issued/.test(text));
  });
});

describe("a service account's secret", () => {
  it("is filled with a token that works until the secret or its account is gone", async () => {
    await kubectl.run(["create", "serviceaccount", "robot"]);
    const metadata = { name: "robot-token", annotations: { "kubernetes.io/service-account.name": "robot" } };
    const secret = { apiVersion: "v1", kind: "Secret", metadata, type: "kubernetes.io/service-account-token" };
    await kubectl.run(["create", "-f", "-"], { input: JSON.stringify(secret) });
    const token = atob(await eventually(["get", "secret", "robot-token", "-o", "jsonpath={.data.token}"], (text) => text !== ""));
    expect(await kubectl.run(["describe", "secret", "robot-token"])).toMatch(/ca\.crt:\s+\d+ bytes\nnamespace:\s+7 bytes\ntoken:\s+ey/);
    await kubectl.run(["config", "set-credentials", "robot", `--token=${token}`]);
    const whoami = ["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", "--user", "robot"];
    expect(await kubectl.run(whoami)).toBe("system:serviceaccount:default:robot");
    expect(await kubectl.run(["get", "secret", "robot-token", "-o", "jsonpath={.metadata.labels}"])).toContain("kubernetes.io/legacy-token-last-used");
    await kubectl.run(["delete", "serviceaccount", "robot"]);
    await eventually(["get", "secrets", "-o", "name"], (text) => !text.includes("robot-token"));
    expect((await kubectl.try(whoami)).stderr).toMatch(/Unauthorized|must be logged in/);
  });
});

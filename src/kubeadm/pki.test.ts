import { createPrivateKey, X509Certificate } from "node:crypto";
import { connect, createServer, type TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import { createRequestSigner, readCertificateRequest, signCertificateRequest } from "./certificate-request.ts";
import { createPki, importAuthority, type Pki, type PkiOptions } from "./pki.ts";

const options: PkiOptions = { nodeName: "node-1", nodeIps: ["192.0.2.7", "2001:db8::7"], apiServiceIp: "10.96.0.1", clusterDomain: "cluster.local" };
const DAY_MS = 24 * 60 * 60_000;
/** Certificates must be valid for Node's TLS, which looks at the real clock. */
const newEnv = (startMs = Date.now()) => createVirtualEnv({ startMs });
const x509 = (pair: { certificate: string }) => new X509Certificate(pair.certificate);

describe("createPki", () => {
  it("issues what kubeadm issues", async () => {
    const pki = await createPki(newEnv().env, options);
    const ca = x509(pki.ca);
    expect(ca.ca && ca.verify(ca.publicKey)).toBe(true);
    expect(ca.subject).toBe("CN=kubernetes");
    const subjects = {
      apiServer: "CN=kube-apiserver",
      apiServerKubeletClient: "O=system:masters\nCN=kube-apiserver-kubelet-client",
      admin: "O=system:masters\nCN=kubernetes-admin",
      controllerManager: "CN=system:kube-controller-manager",
      scheduler: "CN=system:kube-scheduler",
      kubeletClient: "O=system:nodes\nCN=system:node:node-1",
      kubeletServing: "O=system:nodes\nCN=system:node:node-1",
    } as const;
    for (const [name, subject] of Object.entries(subjects) as [keyof typeof subjects, string][]) {
      const leaf = x509(pki[name]);
      expect(leaf.subject).toBe(subject);
      expect(leaf.checkIssued(ca) && leaf.verify(ca.publicKey)).toBe(true);
      expect(leaf.checkPrivateKey(createPrivateKey(pki[name].key))).toBe(true);
      expect(leaf.ca).toBe(false);
    }
    expect(x509(pki.frontProxyClient).verify(x509(pki.frontProxyCa).publicKey)).toBe(true);
    expect(x509(pki.frontProxyClient).verify(ca.publicKey)).toBe(false);
  });

  it("names the API server and the kubelet by all their names and addresses", async () => {
    const pki = await createPki(newEnv().env, { ...options, extraNames: ["api.example.com", "198.51.100.1"] });
    const server = x509(pki.apiServer);
    const hosts = [
      "kubernetes",
      "kubernetes.default",
      "kubernetes.default.svc",
      "kubernetes.default.svc.cluster.local",
      "localhost",
      "node-1",
      "api.example.com",
    ];
    for (const name of hosts) expect(server.checkHost(name)).toBe(name);
    for (const address of ["10.96.0.1", "127.0.0.1", "::1", "192.0.2.7", "2001:db8::7", "198.51.100.1"]) expect(server.checkIP(address)).toBe(address);
    expect(x509(pki.kubeletServing).checkIP("192.0.2.7")).toBe("192.0.2.7");
  });

  it("is accepted by a TLS stack on both sides", async () => {
    const pki = await createPki(newEnv().env, options);
    const server = createServer({
      cert: pki.apiServer.certificate,
      key: pki.apiServer.key,
      ca: pki.ca.certificate,
      requestCert: true,
      rejectUnauthorized: true,
    });
    const peer = new Promise<string>((resolve) =>
      server.on("secureConnection", (socket: TLSSocket) => resolve(String(socket.getPeerCertificate().subject.CN))),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const client = connect({ host: "127.0.0.1", port, ca: pki.ca.certificate, cert: pki.admin.certificate, key: pki.admin.key });
    expect(await peer).toBe("kubernetes-admin");
    expect(client.authorized).toBe(true);
    client.destroy();
    server.close();
  });

  it("keeps what fits and renews what does not", async () => {
    const { env, clock } = newEnv();
    const first = await createPki(env, options);
    expect(await createPki(env, options, first)).toEqual(first);

    clock.jump(300 * DAY_MS);
    const later = await createPki(env, options, first);
    expect(later.ca).toEqual(first.ca);
    expect(later.serviceAccount).toEqual(first.serviceAccount);
    expect(later.admin).not.toEqual(first.admin);

    const moved = await createPki(env, { ...options, nodeIps: ["192.0.2.8"] }, later);
    expect(changed(later, moved)).toEqual(["apiServer", "kubeletServing"]);
    const otherAuthority = await createPki(env, options, { ...later, ca: first.frontProxyCa });
    expect(x509(otherAuthority.admin).verify(x509(otherAuthority.ca).publicKey)).toBe(true);
    const broken = await createPki(env, options, { ...later, scheduler: { certificate: "nonsense", key: later.scheduler.key } });
    expect(changed(later, broken)).toEqual(["scheduler"]);
    const swapped = await createPki(env, options, { ...later, scheduler: { certificate: later.scheduler.certificate, key: later.admin.key } });
    expect(changed(later, swapped)).toEqual(["scheduler"]);
  });
});

function changed(before: Pki, after: Pki): string[] {
  return (Object.keys(before) as (keyof Pki)[]).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name])).sort();
}

describe("signCertificateRequest", () => {
  // openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=team/CN=jane" -addext "subjectAltName=DNS:web,IP:10.0.0.1"
  const request = `-----BEGIN CERTIFICATE REQUEST-----
MIIBADCBpwIBADAeMQ0wCwYDVQQKDAR0ZWFtMQ0wCwYDVQQDDARqYW5lMFkwEwYH
KoZIzj0CAQYIKoZIzj0DAQcDQgAEsJg5vXOTcBlLLW8AwjdcEsnlG64Z1B6I24aK
5V0h5tPICqLbko2A1F180bgSXnDIppNjw2V88TaKH+ng1ZiEOaAnMCUGCSqGSIb3
DQEJDjEYMBYwFAYDVR0RBA0wC4IDd2VihwQKAAABMAoGCCqGSM49BAMCA0gAMEUC
IQC5ef9Yjg2XwIecgNK82/04XX1jstEk82arDEgDNeOOcgIgDRCu/aKx/zsear+U
ZFhLOytuDRbgRFRWrsBWzFVHJdM=
-----END CERTIFICATE REQUEST-----
`;

  it("issues for the request's key, names and subject, not past the authority's end", async () => {
    const { env } = newEnv();
    const pki = await createPki(env, options);
    const read = await readCertificateRequest(request);
    expect(read.subject).toEqual({ commonName: "jane", organizations: ["team"] });
    const certificate = new X509Certificate(
      await signCertificateRequest(env, await importAuthority(pki.ca), read, { usages: ["client auth"], durationMs: 100 * 365 * DAY_MS }),
    );
    expect(certificate.verify(x509(pki.ca).publicKey)).toBe(true);
    expect(certificate.checkHost("web")).toBe("web");
    expect(certificate.checkIP("10.0.0.1")).toBe("10.0.0.1");
    expect(new Date(certificate.validTo)).toEqual(new Date(x509(pki.ca).validTo));
  });

  // openssl req -new -newkey ..., of /O=team/CN=jane: keys and hashes that others like.
  it.each([
    [
      "ECDSA P-384",
      `-----BEGIN CERTIFICATE REQUEST-----
MIIBFTCBnQIBADAeMQ0wCwYDVQQKDAR0ZWFtMQ0wCwYDVQQDDARqYW5lMHYwEAYH
KoZIzj0CAQYFK4EEACIDYgAEemErlFuu9KqVZEAGN53iOU1yvbTZEvEsEiJ9mUY9
gh42LiMo0EFhfrhXV2o9aSPZ7GncEWiqmoGU75WWvJPq4IbVGh8FmzVvx0PeOz0h
RQR5GlNfQvn2ggf5kwKIbubUoAAwCgYIKoZIzj0EAwMDZwAwZAIwFVvi1r6A3jYV
YxnFF09TjgqSGDebthybYv6sw8Q6/UVD8CKCHoSLrZkSyD5aTFWVAjA3L7M+JrJh
5VTHmNEzvgNT/FreiDJaq4zYha/iiZwpJYqd9nvNWoQBFK6QRHNa1Nc=
-----END CERTIFICATE REQUEST-----
`,
    ],
    [
      "Ed25519",
      `-----BEGIN CERTIFICATE REQUEST-----
MIGdMFECAQAwHjENMAsGA1UECgwEdGVhbTENMAsGA1UEAwwEamFuZTAqMAUGAytl
cAMhAOgQI6pJ0dBTBvMKThP87+6T3CPLj/CoNZPdzu9oOxbNoAAwBQYDK2VwA0EA
7snI/GvN4isKFal4jcBsFiZtEN/38J42FYOhZW8Y1rY93LdHvVSIUDW7X+0pVzeV
8Or11lZBGXGVXiXJCceiDA==
-----END CERTIFICATE REQUEST-----
`,
    ],
    [
      "RSA with SHA-512",
      `-----BEGIN CERTIFICATE REQUEST-----
MIIBXTCBxwIBADAeMQ0wCwYDVQQKDAR0ZWFtMQ0wCwYDVQQDDARqYW5lMIGfMA0G
CSqGSIb3DQEBAQUAA4GNADCBiQKBgQCdwrUse/w8SYng9P5CbhO2xLFsYjSIjE9X
UpXY85xcvNIMsX53iGk2I52y89OqPMHRiFwRT9PvMW/YnroFwPpl/8jR1RMe1Y4H
Lh6gahI7CKZoliTLfrUh1Nz1RDz+wnZiaNr/4DfSnmGuEPeeIreqEKp/1ezy3ES6
/EHYAH8GWwIDAQABoAAwDQYJKoZIhvcNAQENBQADgYEAasORpK8HXhlTohD//FSd
BHbq8ya1QMRuKFRCBFW69bOtcQZga3DmMLYuhWivNqpuzg1pU/4SNEtLIZaL1Ijl
8K8m+Jh8vQCBvmITG45HnnYMyy4rMcllS0fcdDCnrcvDJZzrfds/yB5/Y6XV2mSe
aV+M0VJYHDtyj32LtNAsPP4=
-----END CERTIFICATE REQUEST-----
`,
    ],
  ])("signs a request of %s", async (_what, pem) => {
    const { env } = newEnv();
    const pki = await createPki(env, options);
    const signed = await createRequestSigner(env, pki.ca).sign(pem, { usages: ["digital signature", "client auth"], durationMs: 3_600_000 });
    const certificate = new X509Certificate(signed.ok ? signed.certificate : "");
    expect(certificate.verify(x509(pki.ca).publicKey)).toBe(true);
    expect(certificate.subject).toBe("O=team\nCN=jane");
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(3_600_000 + 300_000);
  });

  it("refuses a request whose signature does not match", async () => {
    const forged = request.replace(/[A-Za-z0-9](?=[A-Za-z0-9+/]{6}=*\n-----END)/, (letter) => (letter === "A" ? "B" : "A"));
    await expect(readCertificateRequest(forged)).rejects.toThrow("not signed by its own key");
    await expect(readCertificateRequest("nothing")).rejects.toThrow(TypeError);
  });
});

import { describe, expect, it } from "vitest";
import { type CertificateSigningRequest, type CertificateSigningRequestCondition, certificateSigningRequests } from "../api/index.ts";
import { checkRequest } from "./certificate-checks.ts";
import { recognize } from "./csr-approving.ts";
import { planRequestCleaning } from "./csr-cleaner.ts";
import { csrSigningController, lifetimeSeconds, type RequestSigner, signingStep } from "./csr-signing.ts";
import { ago, brief, NOW_MS, started, testContext } from "./testing.ts";

// Made with openssl req -new: of system:nodes/system:node:n1, without names, with DNS:n1 and IP:10.0.0.1, with an e-mail address and a URI.
const REQUESTS = {
  client:
    "MIHrMIGSAgEAMDAxFTATBgNVBAoMDHN5c3RlbTpub2RlczEXMBUGA1UEAwwOc3lzdGVtOm5vZGU6bjEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASlyiAf3CRg/vqXQ93Ovkdkw2ljvcTt+ukKxjwvr2+Z5FOVflCvSEYHMBIIiIOI6aIC3fg+aO5FSl57GwwQwatboAAwCgYIKoZIzj0EAwIDSAAwRQIhAOJyw6Xb+PPfln0NF9xVkCpHOAZEEQHCTBnI8yuZEKEOAiBnbVMhBNMESNmq+PrzxLLMcGchynhPH4ImYx6JqvTuQA==",
  serving:
    "MIIBETCBuAIBADAwMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxFzAVBgNVBAMMDnN5c3RlbTpub2RlOm4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdAQ06B7l38Hdj7KAa42rkOAmaL7NGqlGb5NwGMVMtjOrIrCIP1GuR0z7fOFN7yDISe1GgLfC0j1oLbV8D8lbt6AmMCQGCSqGSIb3DQEJDjEXMBUwEwYDVR0RBAwwCoICbjGHBAoAAAEwCgYIKoZIzj0EAwIDSAAwRQIhAMQfaApDxP8J+bUXF3OrJRShAapClJcigtLANpxWV8qqAiBd1+z35va7GaiwZ+FBQwmqxCORG0+zgc3Y85WgHYnYCw==",
  odd: "MIIBGjCBwQIBADAwMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxFzAVBgNVBAMMDnN5c3RlbTpub2RlOm4xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMl+FCqCRF0VPanr0wVbk7xgjJQxZNYuunedmUtKz7gIAb+shXEeTn5tE8KNRcVbWQFmglCP6AzJu+LZGTeynm6AvMC0GCSqGSIb3DQEJDjEgMB4wHAYDVR0RBBUwE4EFYUBiLmOGCnNwaWZmZTovL3gwCgYIKoZIzj0EAwIDSAAwRQIgKYRFs1J8rg4Npx8oTMbTObi/jjw2Rj5tN3e3YepbJSoCIQCJhs+/N271wAQiNFC+m24P203DRKPt+I4vAClbq71kcQ==",
};
const APPROVED: CertificateSigningRequestCondition = { type: "Approved", status: "True", lastUpdateTime: ago(10) };

interface Sketch {
  readonly request?: keyof typeof REQUESTS;
  readonly signer?: string;
  readonly usages?: readonly string[];
  readonly username?: string;
  readonly age?: number;
  readonly seconds?: number;
  readonly conditions?: readonly CertificateSigningRequestCondition[];
  readonly certificate?: string;
}

const CLIENT_USAGES = ["digital signature", "key encipherment", "client auth"];
const SERVER_USAGES = ["digital signature", "key encipherment", "server auth"];

function csr(sketch: Sketch): CertificateSigningRequest {
  const { request = "client", signer = "kubernetes.io/kube-apiserver-client-kubelet", usages = CLIENT_USAGES, username = "system:bootstrap:abcdef" } = sketch;
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${REQUESTS[request]}\n-----END CERTIFICATE REQUEST-----\n`;
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r", creationTimestamp: ago(sketch.age ?? 10) },
    spec: { request: btoa(pem), signerName: signer, usages, username, expirationSeconds: sketch.seconds },
    status: { conditions: sketch.conditions, certificate: sketch.certificate },
  };
}

describe("the cluster's own signers", () => {
  const [client, kubelet, serving] = ["kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"];
  it.each<[string, Sketch, string | undefined]>([
    ["sign users' client certificates", { signer: client, usages: ["client auth"] }, undefined],
    ["need the client usage", { signer: client, usages: ["digital signature"] }, "missing required usage for client certificate: client auth"],
    ["refuse any other usage", { signer: client, usages: ["client auth", "server auth"] }, "invalid usage for client certificate: server auth"],
    ["sign kubelets' client certificates", { signer: kubelet }, undefined],
    ["of keys that cannot encipher too", { signer: kubelet, usages: ["client auth", "digital signature"] }, undefined],
    [
      "with just these usages",
      { signer: kubelet, usages: [...CLIENT_USAGES, "server auth"] },
      "usages did not match [client auth digital signature key encipherment]",
    ],
    ["without names", { signer: kubelet, request: "serving" }, "DNS subjectAltNames are not allowed"],
    ["of any sort", { signer: kubelet, request: "odd" }, "Email subjectAltNames are not allowed"],
    ["sign kubelets' serving certificates", { signer: serving, request: "serving", usages: SERVER_USAGES }, undefined],
    ["which have names", { signer: serving, usages: SERVER_USAGES }, "DNS or IP subjectAltName is required"],
    ["of hosts", { signer: serving, request: "odd", usages: SERVER_USAGES }, "DNS or IP subjectAltName is required"],
    ["and serve", { signer: serving, request: "serving", usages: CLIENT_USAGES }, "usages did not match [digital signature key encipherment server auth]"],
  ])("%s", (_what, sketch, problem) => {
    expect(checkRequest(csr(sketch))).toEqual({ ours: true, problem });
  });

  it("leave other signers' requests alone", () => {
    expect(checkRequest(csr({ signer: "example.com/mine" }))).toEqual({ ours: false });
    expect(signingStep(csr({ signer: "example.com/mine", conditions: [APPROVED] }))).toEqual({ do: "nothing" });
  });
});

describe("signing", () => {
  it.each<[string, Sketch, string]>([
    ["waits for approval", {}, "nothing"],
    ["signs what was approved", { conditions: [APPROVED] }, "sign"],
    ["never what was denied", { conditions: [APPROVED, { type: "Denied", status: "True" }] }, "nothing"],
    ["once", { conditions: [APPROVED], certificate: "YQ==" }, "nothing"],
    ["fails what its signer may not sign", { conditions: [APPROVED], request: "serving" }, "fail"],
    ["for good", { conditions: [APPROVED, { type: "Failed", status: "True" }], request: "serving" }, "nothing"],
  ])("%s", (_what, sketch, step) => {
    expect(signingStep(csr(sketch)).do).toBe(step);
  });

  it("gives the time that is asked for, within bounds", () => {
    expect([undefined, 60, 3600, 10_000_000].map((seconds) => lifetimeSeconds(csr({ seconds }), 86_400))).toEqual([86_400, 600, 3600, 86_400]);
  });
});

describe("approving", () => {
  it.each<[string, Sketch, readonly string[]]>([
    ["a node's first certificate", {}, ["nodeclient"]],
    ["a node's next certificate", { username: "system:node:n1" }, ["selfnodeclient", "nodeclient"]],
    ["no serving certificates", { request: "serving", signer: "kubernetes.io/kubelet-serving", usages: SERVER_USAGES }, []],
    ["no users", { signer: "kubernetes.io/kube-apiserver-client" }, []],
    ["nothing that was decided", { conditions: [{ type: "Denied", status: "True" }] }, []],
  ])("%s", (_what, sketch, permissions) => {
    expect(recognize(csr(sketch)).map(({ subresource }) => subresource)).toEqual(permissions);
  });
});

describe("cleaning", () => {
  const HOUR = 3600;
  const condition = (type: string, age: number): CertificateSigningRequestCondition => ({ type, status: "True", lastUpdateTime: ago(age) });
  it.each<[string, Sketch, "gone" | number | undefined]>([
    ["keeps a pending request for a day", { age: 23 * HOUR }, HOUR],
    ["then drops it", { age: 24 * HOUR + 1 }, "gone"],
    ["keeps an issued one for an hour", { conditions: [condition("Approved", 1800)], certificate: "YQ==", age: 100 * HOUR }, 1800],
    ["then drops it", { conditions: [condition("Approved", HOUR + 1)], certificate: "YQ==" }, "gone"],
    ["keeps an approved one that nobody signs for a day", { conditions: [condition("Approved", HOUR + 1)] }, 23 * HOUR - 1],
    ["drops denied ones", { conditions: [condition("Denied", HOUR + 1)] }, "gone"],
    ["drops failed ones", { conditions: [condition("Approved", HOUR + 1), condition("Failed", HOUR + 1)] }, "gone"],
    ["knows no other conditions", { conditions: [condition("Seen", 100 * HOUR)] }, undefined],
  ])("%s", (_what, sketch, outcome) => {
    const plan = planRequestCleaning(csr(sketch), NOW_MS);
    expect(brief(plan.actions)).toEqual(outcome === "gone" ? ["delete certificatesigningrequests r"] : []);
    expect(plan.requeueAfterMs).toBe(typeof outcome === "number" ? outcome * 1000 + 1 : undefined);
  });
});

it("signs the request that was judged, and no other that stands beside it", async () => {
  const { context, client, clock } = testContext();
  const judged = csr({ conditions: [APPROVED] });
  const hidden = `-----BEGIN NEW CERTIFICATE REQUEST-----\n${REQUESTS.odd}\n-----END NEW CERTIFICATE REQUEST-----\n`;
  await client.create(certificateSigningRequests, { ...judged, spec: { ...judged.spec, request: btoa(hidden + atob(judged.spec.request)) } });
  const given: string[] = [];
  const signer: RequestSigner = {
    sign: async (pem) => {
      given.push(pem.replaceAll("\n", ""));
      return { ok: true, certificate: "signed" };
    },
  };
  const running = await started(csrSigningController(signer), context, clock);
  await clock.advance(1000);
  expect(given).toEqual([`-----BEGIN CERTIFICATE REQUEST-----${REQUESTS.client}-----END CERTIFICATE REQUEST-----`]);
  expect((await client.get(certificateSigningRequests, { name: "r" })).status?.certificate).toBe(btoa("signed"));
  await running.stop();
});

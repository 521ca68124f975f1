import { describe, expect, it } from "vitest";
import { whyNoKeyPair } from "./key-pair.ts";

/** Made with openssl for this test, and used nowhere else. */
const EC =
  "MHcCAQEEIHxcBjecdTaXeADp8d9oz06W9QYPO5mvjgTNRzAElmu5oAoGCCqGSM49AwEHoUQDQgAE462QXm1e+qrcgmhJ296xaidQ6ljq1lvCyICK9drcF5qbQ42xzyyQ5xvJxeXOS6ClekeW825qRN3M3XzNSxqKzQ==";
const EC_PKCS8 =
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfFwGN5x1Npd4AOnx32jPTpb1Bg87ma+OBM1HMASWa7mhRANCAATjrZBebV76qtyCaEnb3rFqJ1DqWOrWW8LIgIr12twXmptDjbHPLJDnG8nF5c5LoKV6R5bzbmpE3czdfM1LGorN";
const EC_CERTIFICATE =
  "MIIBbTCCAROgAwIBAgIUSO1nFdwQAVAonjNwOQnH6HRjHnMwCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjExNDMxMDZaFw0zNjExMTgxNDMxMDZaMAwxCjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATjrZBebV76qtyCaEnb3rFqJ1DqWOrWW8LIgIr12twXmptDjbHPLJDnG8nF5c5LoKV6R5bzbmpE3czdfM1LGorNo1MwUTAdBgNVHQ4EFgQUue4M2Xaouo2amQCEu/cLeXknTPIwHwYDVR0jBBgwFoAUue4M2Xaouo2amQCEu/cLeXknTPIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAteOSw41+UXqUjqwj5SWJuyAZo2hNsldWv+GiLwSR/UAIhAIMmAjLoXTeTaKF7j4ZfpgfUDFefNZAKzRtDKl7RLKgr";
const OTHER_EC =
  "MHcCAQEEIPmEZ3AsF7+M+6HSO+txRu8QdNGd3/FQH9UGDGR75zaFoAoGCCqGSM49AwEHoUQDQgAEVqoOW2RnG5PKWE8FRbc5CCvBPBpzFQghI983lqDJ8bBVH9EdJxQPU1CQ7jrWfb90V/yC+2Z5htOHf4p6AH17lg==";
const RSA =
  "MIIBOwIBAAJBAL91u6ZPBvUOAvqf2IepwgV6BHfS1CQjjGBST6wYS5bYEQ3uKXUQvnqlErfvXartkKXnxCCOaks75rBNdtR6EVkCAwEAAQJAITaiU+p3sYE5wRKDtJ0dXGfbaJH5XT+RdZAx5A/e5Q7PhxnmTlQ4EsqjPtIkTuJCb7pOGC7kmpVB/fxllH7tRQIhAOvgVh71MPwtvH0Ns3jp6B4s+WUqHC6b85SIA/15kQnrAiEAz8tRh6sePFJjAsBWWTxb0Quuw2yYXB8bXQFYgL5EnMsCIQDO6CqjXVFq5HPC/pHALu5+CdV6+EVgXUx9rhJR9qFToQIgHd+vMwAI8sctcOHSCDZDRQSW9YWRSf024+IjpS61ko0CIQDXxiTAzY3suMIkN/4oW57JnkDfbgL0I6qphuVmJnbr8Q==";
const RSA_PKCS8 =
  "MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAv3W7pk8G9Q4C+p/Yh6nCBXoEd9LUJCOMYFJPrBhLltgRDe4pdRC+eqUSt+9dqu2QpefEII5qSzvmsE121HoRWQIDAQABAkAhNqJT6nexgTnBEoO0nR1cZ9tokfldP5F1kDHkD97lDs+HGeZOVDgSyqM+0iRO4kJvuk4YLuSalUH9/GWUfu1FAiEA6+BWHvUw/C28fQ2zeOnoHiz5ZSocLpvzlIgD/XmRCesCIQDPy1GHqx48UmMCwFZZPFvRC67DbJhcHxtdAViAvkScywIhAM7oKqNdUWrkc8L+kcAu7n4J1Xr4RWBdTH2uElH2oVOhAiAd368zAAjyxy1w4dIINkNFBJb1hZFJ/Tbj4iOlLrWSjQIhANfGJMDNjey4wiQ3/ihbnsmeQN9uAvQjqqmG5WYmduvx";
const RSA_CERTIFICATE =
  "MIIBbzCCARmgAwIBAgIUdkAy42C47InMO3q7Ax3wLpr0T8cwDQYJKoZIhvcNAQELBQAwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjExNDMyNTdaFw0zNjExMTgxNDMyNTdaMAwxCjAIBgNVBAMMAWEwXDANBgkqhkiG9w0BAQEFAANLADBIAkEAv3W7pk8G9Q4C+p/Yh6nCBXoEd9LUJCOMYFJPrBhLltgRDe4pdRC+eqUSt+9dqu2QpefEII5qSzvmsE121HoRWQIDAQABo1MwUTAdBgNVHQ4EFgQUvwj/kexhsT5QXK6XbxmZSHO4Ki8wHwYDVR0jBBgwFoAUvwj/kexhsT5QXK6XbxmZSHO4Ki8wDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAANBALR1cVX7Z7s/GlTppJArDj4L0Cx8dEoq7AZ4fqGUxsR2iRmPspuxfpOpu2qKYfXpzEJsuCUFE6wzcOiuvOJeYpc=";

const pem = (type: string, body: string): Uint8Array => new TextEncoder().encode(`-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`);
const certificate = pem("CERTIFICATE", EC_CERTIFICATE);
const ec = pem("EC PRIVATE KEY", EC);

describe("a certificate and its key", () => {
  it("fit, in every form that a key has", () => {
    expect(whyNoKeyPair(certificate, ec)).toBeUndefined();
    expect(whyNoKeyPair(certificate, pem("PRIVATE KEY", EC_PKCS8))).toBeUndefined();
    expect(whyNoKeyPair(pem("CERTIFICATE", RSA_CERTIFICATE), pem("RSA PRIVATE KEY", RSA))).toBeUndefined();
    expect(whyNoKeyPair(pem("CERTIFICATE", RSA_CERTIFICATE), pem("PRIVATE KEY", RSA_PKCS8))).toBeUndefined();
  });

  it.each([
    ["are not each other's", certificate, pem("EC PRIVATE KEY", OTHER_EC), "tls: private key does not match public key"],
    ["are of different sorts", certificate, pem("RSA PRIVATE KEY", RSA), "tls: private key type does not match public key type"],
    ["are none", new Uint8Array(), ec, "tls: failed to find any PEM data in certificate input"],
    ["lack a key", certificate, new Uint8Array(), "tls: failed to find any PEM data in key input"],
    [
      "are the key twice",
      ec,
      ec,
      "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
    ],
    ["are the certificate twice", certificate, certificate, "tls: found a certificate rather than a key in the PEM for the private key"],
    ["cannot be read", pem("CERTIFICATE", "YQ=="), ec, "x509: malformed certificate"],
  ])("do not, when they %s", (_what, first, second, problem) => {
    expect(whyNoKeyPair(first, second)).toBe(problem);
  });
});

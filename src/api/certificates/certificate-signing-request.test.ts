import { describe, expect, it } from "vitest";
import { type Mutable, mutableCopy } from "../../base/types.ts";
import { fieldErrorText } from "../field-errors.ts";
import type { CertificateSigningRequest } from "../generated/types.ts";
import { alternativeNameSorts, certificateRequestSubject } from "./certificate-request.ts";
import { certificateSigningRequests } from "./certificate-signing-request.ts";

const { declaration } = certificateSigningRequests;
const context = { now: Date.UTC(2026, 0, 1), userName: "jane", userUid: "u", userGroups: ["dev"], userExtra: { k: ["v"] }, warn: () => undefined };

/** DER of one element. */
function der(tag: number, ...content: readonly number[][]): number[] {
  const body = content.flat();
  const length = body.length < 0x80 ? [body.length] : [0x81, body.length];
  return [tag, ...length, ...body];
}
function attribute(kind: number, text: string): number[] {
  return der(0x31, der(0x30, der(0x06, [85, 4, kind]), der(0x0c, [...new TextEncoder().encode(text)])));
}
/** A request for `O=system:nodes, CN=system:node:n1` and what else is given; its key and signature are empty. */
function request(hidden: { readonly inSubject?: number[]; readonly attributes?: number[] } = {}): string {
  const subject = der(0x30, attribute(10, "system:nodes"), attribute(3, "system:node:n1"), hidden.inSubject ?? []);
  const bytes = der(0x30, der(0x30, der(0x02, [0]), subject, der(0x30), hidden.attributes ?? []));
  const base64 = btoa(String.fromCharCode(...bytes));
  return btoa(`-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`);
}

const asked: CertificateSigningRequest = {
  apiVersion: "certificates.k8s.io/v1",
  kind: "CertificateSigningRequest",
  metadata: { name: "r" },
  spec: { request: request(), signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"], username: "mallory", groups: ["system:masters"] },
};

describe("certificate signing requests", () => {
  it("are read for whom they ask", () => {
    expect(certificateRequestSubject(asked.spec.request)).toEqual({ commonName: "system:node:n1", organizations: ["system:nodes"] });
    expect(certificateRequestSubject(btoa("nothing"))).toBeUndefined();
    expect(certificateRequestSubject("%%%")).toBeUndefined();
  });

  it("are not read with parts that another reader may take otherwise", () => {
    const text = [...new TextEncoder().encode("system:masters")];
    const longLength = [0x0c, 0x84, 0, 0, 0, text.length, ...text];
    const oddLength = der(0x31, der(0x30, der(0x06, [85, 4, 10]), longLength));
    const oddType = der(0x31, der(0x30, der(0x06, [85, 4, 0x80, 10]), der(0x0c, text)));
    const wideText = der(
      0x31,
      der(
        0x30,
        der(0x06, [85, 4, 10]),
        der(
          0x1e,
          text.flatMap((byte) => [0, byte]),
        ),
      ),
    );
    for (const inSubject of [oddLength, oddType, wideText]) expect(certificateRequestSubject(request({ inSubject }))).toBeUndefined();
    const extensionRequest = der(0x06, [42, 134, 72, 134, 247, 13, 1, 9, 14]);
    const names = (identifier: number[], name: number[]) => der(0x31, der(0x30, der(0x30, der(0x06, identifier), der(0x04, der(0x30, name)))));
    const sorts = (...values: number[][]) => [...alternativeNameSorts(request({ attributes: der(0xa0, der(0x30, extensionRequest, ...values)) }))];
    expect(sorts(names([85, 29, 17], der(0x82, [97])))).toEqual(["dns"]);
    expect(sorts(names([85, 29, 17], der(0x82, [97])), der(0x31))).toEqual(["dns"]);
    expect(sorts(names([85, 29, 17], der(0xa0, [97])))).toEqual(["other"]);
    expect(sorts(names([85, 29, 0x80, 17], der(0x82, [97])))).toEqual(["other"]);
    expect(sorts([0x31, 0x84, 0, 0, 0, 0])).toEqual(["other"]);
  });

  it("record who really asks", () => {
    const object = mutableCopy(asked);
    declaration.prepareForCreate?.(object, context);
    expect(object.spec).toMatchObject({ username: "jane", uid: "u", groups: ["dev"], extra: { k: ["v"] }, signerName: asked.spec.signerName });
    expect(object.status).toEqual({});
    expect(declaration.validateCreate?.(object as CertificateSigningRequest)).toEqual([]);
  });

  it("need usages that there are, and a signer of a domain", () => {
    const bad = { ...asked, spec: { ...asked.spec, usages: ["fun"], signerName: "me" } };
    const texts = declaration.validateCreate?.(bad).map(fieldErrorText) ?? [];
    expect(texts[0]).toContain('spec.usages[0]: Unsupported value: "fun": supported values: "any", "cert sign"');
    expect(texts[1]).toBe("spec.signerName: Invalid value: \"me\": must be a fully qualified domain and path of the form 'example.com/signer-name'");
  });

  it("are approved through /approval alone", () => {
    const approved: CertificateSigningRequest = { ...asked, status: { conditions: [{ type: "Approved", status: "True", reason: "ok" }] } };
    const approval = declaration.subresourceUpdates?.["approval"];
    const object: Mutable<CertificateSigningRequest> = mutableCopy({ ...approved, status: { ...approved.status, certificate: "x" } });
    approval?.prepare(object, asked, context);
    expect(object.status).toEqual({
      conditions: [{ type: "Approved", status: "True", reason: "ok", lastUpdateTime: "2026-01-01T00:00:00Z", lastTransitionTime: "2026-01-01T00:00:00Z" }],
    });
    expect(approval?.validate(object as CertificateSigningRequest, asked)).toEqual([]);
    expect(declaration.validateStatusUpdate?.(approved, asked).map(fieldErrorText)).toEqual([
      'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
    ]);
  });

  it("get their certificate once", () => {
    const issued: CertificateSigningRequest = { ...asked, status: { certificate: "YQ==" } };
    expect(declaration.validateStatusUpdate?.(issued, asked)).toEqual([]);
    expect(declaration.validateStatusUpdate?.({ ...asked, status: { certificate: "Yg==" } }, issued).map(fieldErrorText)).toEqual([
      "status.certificate: Forbidden: updates may not modify existing certificate content",
    ]);
  });

  it("cannot be both approved and denied", () => {
    const both: CertificateSigningRequest = {
      ...asked,
      status: {
        conditions: [
          { type: "Approved", status: "True" },
          { type: "Denied", status: "True" },
        ],
      },
    };
    const texts = declaration.subresourceUpdates?.["approval"]?.validate(both, asked).map(fieldErrorText);
    expect(texts).toEqual(['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive']);
  });

  it("show where they stand", () => {
    const cells = declaration.columns.map((column) =>
      column.value({ ...asked, status: { conditions: [{ type: "Approved", status: "True" }], certificate: "YQ==" } }, 0),
    );
    expect(cells.at(-1)).toBe("Approved,Issued");
  });
});

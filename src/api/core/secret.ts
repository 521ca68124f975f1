// Secret (https://kubernetes.io/docs/concepts/configuration/secret/). `stringData` is for writing only: it is merged into `data`.
import type { Mutable } from "../../base/index.ts";
import { decodeBase64 } from "../certificates/der.ts";
import { whyNoKeyPair } from "../certificates/key-pair.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { Secret } from "../generated/types.ts";
import { validateSecret, validateSecretUpdate } from "./config-validation.ts";

/** Base64 of the text's UTF-8 bytes. */
function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}

/** A server that is given the secret would not start. */
function pairWarnings({ type, data = {} }: Secret): string[] {
  if (type !== "kubernetes.io/tls") return [];
  const [certificate, key] = ["tls.crt", "tls.key"].map((name) => decodeBase64(data[name] ?? "") ?? new Uint8Array());
  const problem = whyNoKeyPair(certificate ?? new Uint8Array(), key ?? new Uint8Array());
  return problem === undefined ? [] : [problem];
}

export const secrets = kind<Secret>("v1", "Secret", {
  columns: [
    nameColumn(),
    { name: "Type", type: "string", description: "What programs may expect in it.", value: ({ type }) => type ?? "" },
    { name: "Data", type: "string", description: "How many keys it holds.", value: ({ data }) => Object.keys(data ?? {}).length },
    ageColumn(),
  ],
  countsGeneration: false,
  defaults(secret: Mutable<Secret>): void {
    for (const [key, text] of Object.entries(secret.stringData ?? {})) secret.data = { ...secret.data, [key]: base64(text) };
    delete secret.stringData;
    secret.type ||= "Opaque";
  },
  validateCreate: validateSecret,
  validateUpdate: validateSecretUpdate,
  warnings: pairWarnings,
  selectableFields: { type: ({ type }) => type ?? "" },
});

// Writing certificate signing requests (PKCS#10, RFC 2986), as a node does that wants certificates.
import { type AlternativeNames, encodeAlternativeNames, encodeSubject, OID, type Subject } from "./certificate.ts";
import { bitString, concatBytes, der, explicit, objectIdentifier, octetString, sequence, TAG } from "./der.ts";
import { type SigningKey, sign, signatureAlgorithm } from "./keys.ts";
import { encodePem } from "./pem.ts";

export const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/** PEM, signed by the key that it is for. */
export async function certificateRequestText(key: SigningKey, subject: Subject, names?: AlternativeNames): Promise<string> {
  const body = sequence(der(TAG.integer, Uint8Array.of(0)), encodeSubject(subject), key.publicKey, explicit(0, concatBytes(...attributes(names))));
  return encodePem("CERTIFICATE REQUEST", sequence(body, signatureAlgorithm(key), bitString(await sign(key, body))));
}

function attributes(names: AlternativeNames | undefined): Uint8Array[] {
  if (names === undefined) return [];
  const extension = sequence(objectIdentifier(OID.subjectAltName), octetString(encodeAlternativeNames(names)));
  return [sequence(objectIdentifier(EXTENSION_REQUEST), der(TAG.set, sequence(extension)))];
}

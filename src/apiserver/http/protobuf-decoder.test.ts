import { describe, expect, it } from "vitest";
import { customResourceDefinitions, pods, roles } from "../../api/index.ts";
import { startTestServer } from "../testing.ts";
import { decodeMessage, openEnvelope } from "./protobuf-decoder.ts";

type Field = [number, string | number | boolean | Uint8Array | Field[]];

/** A message of these fields: numbers as varints, texts and messages with their length. */
function message(fields: readonly Field[]): Uint8Array {
  const bytes: number[] = [];
  for (const [number, value] of fields) {
    if (typeof value === "number" || typeof value === "boolean") bytes.push(...varint(number * 8), ...varint(Number(value)));
    else {
      const content = typeof value === "string" ? new TextEncoder().encode(value) : value instanceof Uint8Array ? value : message(value);
      bytes.push(...varint(number * 8 + 2), ...varint(content.length), ...content);
    }
  }
  return Uint8Array.from(bytes);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return bytes;
}

function envelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const unknown = message([
    [
      1,
      [
        [1, apiVersion],
        [2, kind],
      ],
    ],
    [2, raw],
    [3, ""],
    [4, ""],
  ]);
  return Uint8Array.from([0x6b, 0x38, 0x73, 0, ...unknown]);
}

describe("protobuf bodies", () => {
  it("are read into the JSON that says the same", () => {
    const pod = message([
      [
        1,
        [
          [1, "p"],
          [8, [[1, 1_700_000_000]]],
          [10, 30],
          [
            11,
            [
              [1, "app"],
              [2, "web"],
            ],
          ],
        ],
      ],
      [
        2,
        [
          // A volume's source stands inline in JSON, and in a message of its own here.
          [
            1,
            [
              [1, "data"],
              [
                2,
                [
                  [
                    2,
                    [
                      [1, "Memory"],
                      [2, [[1, "64Mi"]]],
                    ],
                  ],
                ],
              ],
            ],
          ],
          [
            2,
            [
              [1, "c"],
              [2, "image"],
              [3, "sh"],
              [3, "-c"],
              [
                6,
                [
                  [1, "http"],
                  [3, 8080],
                ],
              ],
              [
                8,
                [
                  [
                    1,
                    [
                      [1, "cpu"],
                      [2, [[1, "100m"]]],
                    ],
                  ],
                ],
              ],
            ],
          ],
          [4, -1],
          [11, true],
        ],
      ],
    ]);
    expect(decodeMessage(pods.schema, pod)).toEqual({
      metadata: { name: "p", creationTimestamp: "2023-11-14T22:13:20Z", deletionGracePeriodSeconds: 30, labels: { app: "web" } },
      spec: {
        volumes: [{ name: "data", emptyDir: { medium: "Memory", sizeLimit: "64Mi" } }],
        containers: [
          { name: "c", image: "image", command: ["sh", "-c"], ports: [{ name: "http", containerPort: 8080 }], resources: { limits: { cpu: "100m" } } },
        ],
        terminationGracePeriodSeconds: -1,
        hostNetwork: true,
      },
    });
  });

  it("hold either-or fields of JSON schemas", () => {
    const string: Field[] = [[5, "string"]];
    const properties: Field = [
      29,
      [
        [1, "a"],
        [
          2,
          [
            [5, "array"],
            [24, [[1, string]]],
            [30, [[1, true]]],
          ],
        ],
      ],
    ];
    const raw = message([
      [
        2,
        [
          [
            7,
            [
              [1, "v1"],
              [4, [[1, [properties]]]],
            ],
          ],
        ],
      ],
    ]);
    const decoded = decodeMessage(customResourceDefinitions.schema, raw);
    const schema = { properties: { a: { type: "array", items: { type: "string" }, additionalProperties: true } } };
    expect(decoded).toEqual({ spec: { versions: [{ name: "v1", schema: { openAPIV3Schema: schema } }] } });
  });

  it("are refused when they are no messages", () => {
    expect(() => openEnvelope(new TextEncoder().encode("{}"))).toThrow("does not appear to be a protobuf message");
    expect(() => decodeMessage(roles.schema, Uint8Array.from([0x0a, 0xff]))).toThrow("unexpected EOF");
    expect(() => decodeMessage(roles.schema, Uint8Array.from([0x0f]))).toThrow("illegal wireType 7");
    expect(() => decodeMessage(roles.schema, new Uint8Array(12).fill(0xff))).toThrow("integer overflow");
  });

  it("create objects like JSON does", async () => {
    const { request } = await startTestServer();
    const raw = message([
      [1, [[1, "a"]]],
      [
        2,
        [
          [1, "k"],
          [2, "v"],
        ],
      ],
    ]);
    const headers = { "content-type": "application/vnd.kubernetes.protobuf" };
    const path = "/api/v1/namespaces/default/configmaps";
    const created = await request("POST", path, { body: envelope("v1", "ConfigMap", raw), headers });
    expect(created.status).toBe(201);
    expect(created.json()).toMatchObject({ kind: "ConfigMap", metadata: { name: "a" }, data: { k: "v" } });
    const options = envelope("v1", "DeleteOptions", message([[2, [[1, "not-its-uid"]]]]));
    expect((await request("DELETE", `${path}/a`, { body: options, headers })).status).toBe(409);
    expect((await request("POST", path, { body: envelope("v1", "Secret", raw), headers })).status).toBe(400);
  });
});

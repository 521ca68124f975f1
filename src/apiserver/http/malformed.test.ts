// Whatever is sent, the server answers 2xx or 4xx: bodies that half fit their schema, of every kind, by every method.
import { beforeAll, describe, expect, it } from "vitest";
import { builtInKinds, type Kind, type Schema, serviceAccounts } from "../../api/index.ts";
import { createSeededRandom, type Random } from "../../base/index.ts";
import { startTestServer, type TestServer } from "../testing.ts";

const MISFITS: readonly unknown[] = [null, 1, -1, "x", "", [], {}, [null], [1], ["a"], [{}], { a: 1 }, { "": null }, true, 1e30, "2020-01-01T00:00:00Z"];
const STRINGS = ["x", "", "TCP", "a.b/c", "None", "ÿ", "In", "10.96.0.9", "*/5 * * * *"];
const MAX_DEPTH = 7;
const BODIES_PER_KIND = 4;

function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from[Math.floor(random.next() * from.length)];
}

/** Something that mostly looks like a value of the schema. */
function draw(random: Random, schema: Schema, depth = 0): unknown {
  if (depth > MAX_DEPTH || random.next() < 0.08) return pick(random, MISFITS);
  switch (schema.type) {
    case "object": {
      const chosen = [...schema.fields.values()].filter(({ required }) => random.next() < (required ? 0.85 : depth === 0 ? 0.5 : 0.25));
      return Object.fromEntries(chosen.map((field) => [field.name, draw(random, field.schema, depth + 1)]));
    }
    case "map":
      return { key: draw(random, schema.values, depth + 1) };
    case "array":
      return Array.from({ length: 1 + Math.floor(random.next() * 2) }, () => draw(random, schema.items, depth + 1));
    case "string":
      return pick(random, STRINGS);
    case "int32":
    case "int64":
      return pick(random, [0, 1, -1, 80, 1e12]);
    case "boolean":
      return random.next() < 0.5;
    case "quantity":
      return pick(random, ["1", "1Gi", "x", "", 5]);
    default:
      return pick(random, MISFITS);
  }
}

function drawBody(random: Random, { schema }: Kind): unknown {
  const drawn = draw(random, schema);
  if (typeof drawn !== "object" || drawn === null || Array.isArray(drawn)) return drawn;
  const { apiVersion: _, kind: __, metadata, ...rest } = drawn as Record<string, unknown>;
  const isObject = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata);
  return { ...rest, metadata: isObject ? { ...metadata, name: pick(random, ["a", "b", undefined]), namespace: undefined } : metadata };
}

const WRITES = [
  ["POST", "", "application/json"],
  ["PUT", "/a", "application/json"],
  ["PUT", "/a/status", "application/json"],
  ["PATCH", "/a", "application/merge-patch+json"],
  ["PATCH", "/a", "application/strategic-merge-patch+json"],
  ["PATCH", "/a", "application/json-patch+json"],
  ["PATCH", "/b?fieldManager=test&force=true", "application/apply-patch+yaml"],
] as const;

describe("malformed requests", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
    await server.client.create(serviceAccounts, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } });
  });

  it.each(builtInKinds.map((kind) => [`${kind.apiVersion} ${kind.kind}`, kind] as const))("for %s are answered, not stumbled over", async (name, kind) => {
    const random = createSeededRandom(name);
    const { request } = server;
    const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.apiVersion}`;
    const collection = `${root}${kind.namespaced ? "/namespaces/default" : ""}/${kind.resource}`;
    for (let round = 0; round < BODIES_PER_KIND; round++) {
      const body = JSON.stringify(drawBody(random, kind)) ?? "null";
      for (const [method, path, type] of WRITES) {
        const answer = await request(method, collection + path, { body, headers: { "content-type": type } });
        if (answer.status >= 500) expect.fail(`${method} ${path} ${type}: ${answer.text} for ${body}`);
      }
    }
    const table = await request("GET", collection, { headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" } });
    expect(table.status).toBeLessThan(500);
  });
});

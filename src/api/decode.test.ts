import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { objectSchemaOf } from "./compile.ts";
import { decode, decodeTarget, decodeValue } from "./decode.ts";
import { encode, metadataOffset } from "./encode.ts";
import type { ConfigMap, Deployment, Event, Pod, ReplicaSet } from "./generated/types.ts";
import type { KubeObject } from "./object.ts";
import { isStatus } from "./status-error.ts";

const pod = decodeTarget<Pod>("v1", "Pod");
const deployment = decodeTarget<Deployment>("apps/v1", "Deployment");
const configMap = decodeTarget<ConfigMap>("v1", "ConfigMap");

function failure(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isStatus(error, "BadRequest")) return error.message;
    throw error;
  }
  return "no failure";
}

describe("unknown and repeated fields", () => {
  const body =
    '{"apiVersion":"apps/v1","kind":"Deployment","spec":{"unknownField":{"a":1,"a":2},"replicas":1,"replicas":2,"template":{"spec":{"containers":[{"name":"a"},{"nam":"b"}]}}}}';
  it("are refused by Strict in upstream's words", () => {
    expect(failure(() => decode(deployment, body, { fieldValidation: "Strict" }))).toBe(
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.unknownField", duplicate field "spec.replicas", unknown field "spec.template.spec.containers[1].nam"',
    );
  });
  it("are warned of by Warn, pruned, and the last value counts", () => {
    const { object, warnings } = decode(deployment, body, { fieldValidation: "Warn" });
    expect(warnings).toEqual(['unknown field "spec.unknownField"', 'duplicate field "spec.replicas"', 'unknown field "spec.template.spec.containers[1].nam"']);
    expect(object.spec.replicas).toBe(2);
    expect(object.spec).not.toHaveProperty("unknownField");
  });
  it("are passed over by Ignore", () => {
    expect(decode(deployment, body, { fieldValidation: "Ignore" }).warnings).toEqual([]);
  });
  it("are told with their lines in YAML", () => {
    const yaml = "spec:\n  foo: 1\n  replicas: 1\n  replicas: 2\n";
    expect(failure(() => decode(deployment, yaml, { format: "yaml", fieldValidation: "Strict" }))).toMatch(
      /strict decoding error: yaml: unmarshal errors:\n {2}line 4: key "replicas" already set in map, unknown field "spec.foo"$/,
    );
  });
  it("are found in the keys of maps", () => {
    expect(decode(configMap, '{"data":{"a":"1","a":"2"}}').warnings).toEqual(['duplicate field "data.a"']);
  });
});

describe("wrong types", () => {
  it.each([
    [{ spec: { replicas: "3" } }, "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"],
    [{ spec: { replicas: 1.5 } }, "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"],
    [{ spec: { replicas: 3000000000 } }, "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32"],
    [{ metadata: { labels: { a: 1 } } }, "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"],
    [
      { spec: { template: { spec: { containers: {} } } } },
      "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    ],
    [
      { spec: { template: { spec: { containers: ["x"] } } } },
      "json: cannot unmarshal string into Go struct field PodSpec.spec.template.spec.containers of type v1.Container",
    ],
    [{ spec: [] }, "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec"],
  ])("%j", (value, text) => {
    expect(failure(() => decodeValue(deployment, value))).toBe(`Deployment in version "v1" cannot be handled as a Deployment: ${text}`);
  });
  it.each([
    [{ metadata: { creationTimestamp: "yesterday" } }, /parsing time "yesterday" as "2006-01-02T15:04:05Z07:00"/],
    [{ metadata: { creationTimestamp: "2026-02-30T00:00:00Z" } }, /parsing time/],
    [{ spec: { containers: [{ resources: { limits: { cpu: "1x" } } }] } }, /quantities must match the regular expression/],
  ])("of form: %j", (value, text) => {
    expect(failure(() => decodeValue(pod, value))).toMatch(text);
  });
  it("of base64", () => {
    expect(failure(() => decodeValue(configMap, { binaryData: { a: "YWJj*" } }))).toMatch(/illegal base64 data at input byte 4$/);
  });
  it("of the whole body", () => {
    expect(failure(() => decode(pod, "[]"))).toMatch(/^the object provided is unrecognized \(must be of type Pod\)/);
    expect(failure(() => decode(pod, "{"))).toMatch(/json parse error: unexpected end of JSON input \(\{\)$/);
  });
});

it("refuses a body that claims to be something else", () => {
  expect(failure(() => decodeValue(pod, { apiVersion: "v2", kind: "Pod" }))).toBe(
    'Pod in version "v2" cannot be handled as a Pod: no kind "Pod" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"',
  );
  expect(failure(() => decodeValue(pod, { apiVersion: "v1", kind: "Node" }))).toMatch(/^Node in version "v1" cannot be handled as a Pod: /);
});

describe("the one form", () => {
  it("drops nulls and what omitempty drops, keeps pointers to zero, fills in what is always there", () => {
    const { object } = decodeValue(deployment, {
      metadata: { name: "d", creationTimestamp: null, labels: {} },
      spec: { replicas: 0, minReadySeconds: 0, paused: false },
    });
    expect(object).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d" },
      spec: { replicas: 0, strategy: {}, template: { metadata: {}, spec: { containers: [] } } },
      status: {},
    });
  });
  it("normalizes quantities and times", () => {
    const limits = { cpu: 0.5, memory: "1024Mi", "example.com/x": "1e3" };
    const container = decodeValue(pod, { spec: { containers: [{ name: "a", resources: { limits } }] } }).object.spec.containers[0];
    expect(container?.resources?.limits).toEqual({ cpu: "500m", memory: "1Gi", "example.com/x": "1e3" });
    const event = decodeValue(decodeTarget<Event>("v1", "Event"), {
      firstTimestamp: "2026-01-02T03:04:05.9+02:00",
      eventTime: "2026-01-02T05:04:05.123456+02:00",
    }).object;
    expect(event.firstTimestamp).toBe("2026-01-02T01:04:05Z");
    expect(event.eventTime).toBe("2026-01-02T03:04:05.123456Z");
  });
  it("keeps free-form JSON as it is", () => {
    const data = { a: null, __proto__x: [1, { b: {} }] };
    expect(decodeValue(decodeTarget<KubeObject & { data: unknown }>("apps/v1", "ControllerRevision"), { data }).object.data).toEqual(data);
  });
  it("does not change its input", () => {
    const value = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "a", env: [] }] } };
    const before = structuredClone(value);
    decodeValue(pod, value);
    expect(value).toEqual(before);
  });
});

describe("encode", () => {
  it("writes kind, apiVersion and metadata first, the rest in order", () => {
    const text = encode(configMap, { data: { b: "2", a: "1" }, metadata: { name: "c", uid: "u" }, kind: "ConfigMap", apiVersion: "v1" });
    expect(text).toBe('{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c","uid":"u"},"data":{"a":"1","b":"2"}}');
    expect(text.slice(metadataOffset(configMap))).toMatch(/^"name":"c"/);
  });
  it("writes what is always there, also for an object that was never decoded", () => {
    const replicaSet = decodeTarget<ReplicaSet>("apps/v1", "ReplicaSet");
    const text = encode(replicaSet, { apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { name: "r", labels: {} }, spec: { selector: {} } });
    expect(JSON.parse(text)).toEqual({
      kind: "ReplicaSet",
      apiVersion: "apps/v1",
      metadata: { name: "r" },
      spec: { selector: {}, template: { metadata: {}, spec: { containers: [] } } },
      status: { replicas: 0 },
    });
  });
  it("gives equal texts for equal objects, and decodes to what was encoded", () => {
    const labels = fc.dictionary(fc.string(), fc.string());
    const container = fc.record(
      { name: fc.string(), image: fc.string(), args: fc.array(fc.string()), env: fc.array(fc.record({ name: fc.string(), value: fc.string() })) },
      { requiredKeys: ["name"] },
    );
    const value = fc.record({
      spec: fc.record({ containers: fc.array(container), nodeSelector: labels }, { requiredKeys: ["containers"] }),
      metadata: fc.record({ labels, annotations: labels }, { requiredKeys: [] }),
    });
    fc.assert(
      fc.property(value, (given) => {
        const { object } = decodeValue(pod, given);
        const text = encode(pod, object as unknown as Pod);
        expect(decode(pod, text, { fieldValidation: "Strict" }).object).toEqual(object);
        expect(encode(pod, decode(pod, text).object as unknown as Pod)).toBe(text);
      }),
    );
  });
});

it("never fails otherwise than with a BadRequest, whatever is sent", () => {
  const names = [...(objectSchemaOf("v1", "Pod")?.fields.keys() ?? []), "containers", "name", "resources", "limits", "env", "volumes"];
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 5 },
      fc.constant(null),
      fc.string(),
      fc.double(),
      fc.boolean(),
      fc.array(tie("any"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie("any")),
    ),
  })).any;
  fc.assert(fc.property(value, (given) => failure(() => decodeValue(pod, given, "Strict")) !== undefined));
});

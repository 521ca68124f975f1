import { describe, expect, it } from "vitest";
import { type Mutable, mutableCopy } from "../../base/index.ts";
import { FieldPath } from "../field-errors.ts";
import type { Pod, PodSpec } from "../generated/types.ts";
import {
  adoptAppArmorAnnotations,
  appArmorProfileOf,
  checkAppArmorAnnotationChanges,
  checkProfileAnnotations,
  checkProfilesAgree,
} from "./profile-annotations.ts";

const KEY = "container.apparmor.security.beta.kubernetes.io/main";
const pod = (annotation: string, spec: Partial<PodSpec> = {}): Mutable<Pod> => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", annotations: { [KEY]: annotation } },
  spec: mutableCopy({ containers: [{ name: "main", image: "app:1" }], ...spec } as PodSpec),
});
const WARNING = `metadata.annotations[${KEY}]: deprecated since v1.30; use the "appArmorProfile" field instead`;

describe("an AppArmor annotation of a new pod", () => {
  it.each([
    ["localhost/mine", { type: "Localhost", localhostProfile: "mine" }],
    ["runtime/default", { type: "RuntimeDefault" }],
    ["unconfined", { type: "Unconfined" }],
  ])("%s becomes the field, with a warning", (annotation, profile) => {
    const object = pod(annotation);
    expect(adoptAppArmorAnnotations(object)).toEqual([WARNING]);
    expect(object.spec.containers[0]?.securityContext?.appArmorProfile).toEqual(profile);
  });

  it("that says what the pod's field says already is taken as it is", () => {
    const object = pod("unconfined", { securityContext: { appArmorProfile: { type: "Unconfined" } } });
    expect(adoptAppArmorAnnotations(object)).toEqual([]);
    expect(object.spec.containers[0]?.securityContext).toBeUndefined();
  });

  it("names a container and a profile", () => {
    const path = FieldPath.root("metadata").child("annotations");
    const { spec } = pod("nonsense");
    expect(checkProfileAnnotations(path, { [KEY]: "nonsense", [`${KEY}2`]: "unconfined" }, spec)).toMatchObject([
      { body: 'Invalid value: "nonsense": invalid AppArmor profile name: "nonsense"' },
      { body: 'Invalid value: "main2": container not found' },
    ]);
  });

  it("agrees with the field", () => {
    const spec = pod("", {
      containers: [{ name: "main", image: "app:1", securityContext: { appArmorProfile: { type: "Localhost", localhostProfile: "a" } } }],
    }).spec;
    const path = FieldPath.root("spec");
    expect(checkProfilesAgree(path, { [KEY]: "localhost/a" }, spec)).toEqual([]);
    expect(checkProfilesAgree(path, { [KEY]: "localhost/b" }, spec)).toMatchObject([
      { path: "spec.containers[0].securityContext.appArmorProfile.localhostProfile" },
    ]);
    expect(checkProfilesAgree(path, { [KEY]: "unconfined" }, spec)).toMatchObject([{ path: "spec.containers[0].securityContext.appArmorProfile.type" }]);
  });

  it("stays", () => {
    const path = FieldPath.root("metadata").child("annotations");
    expect(checkAppArmorAnnotationChanges(path, {}, { [KEY]: "unconfined" })).toMatchObject([
      { body: "Forbidden: may not remove or update AppArmor annotations" },
    ]);
    expect(checkAppArmorAnnotationChanges(path, { [KEY]: "unconfined" }, {})).toMatchObject([{ body: "Forbidden: may not add AppArmor annotations" }]);
  });
});

it("confines the containers of static pods, which have annotations alone", () => {
  const object = pod("localhost/mine", { securityContext: { appArmorProfile: { type: "RuntimeDefault" } } });
  expect(appArmorProfileOf(object, { name: "main" })).toEqual({ type: "Localhost", localhostProfile: "mine" });
  expect(appArmorProfileOf(object, { name: "other" })).toEqual({ type: "RuntimeDefault" });
});

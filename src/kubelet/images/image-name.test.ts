import { describe, expect, it } from "vitest";
import { withDefaultTag } from "./image-name.ts";
import { credentialsFor } from "./registry-credentials.ts";

describe("image names", () => {
  it.each([
    ["nginx", "nginx:latest"],
    ["nginx:1.25", "nginx:1.25"],
    ["localhost:5000/a/b", "localhost:5000/a/b:latest"],
    ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"],
    [`nginx@sha256:${"a".repeat(64)}`, `nginx@sha256:${"a".repeat(64)}`],
  ])("%s means %s", (name, meant) => {
    expect(withDefaultTag(name)).toBe(meant);
  });
  it.each(["", "Nginx", "nginx:", "a//b", "nginx:ta g", "nginx@sha256:123"])("%j is none", (name) => {
    expect(withDefaultTag(name)).toBeUndefined();
  });
});

describe("registry credentials", () => {
  const secretOf = (auths: object) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s" },
    data: { ".dockerconfigjson": btoa(JSON.stringify({ auths })) },
  });
  it("are those whose registry and path fit, the most specific first", () => {
    const secret = secretOf({
      "https://registry.example.com": { auth: btoa("a:1") },
      "registry.example.com/team": { username: "b", password: "2" },
      "*.other.com": { username: "c", password: "3" },
    });
    expect(credentialsFor("registry.example.com/team/app:1", [secret]).map(({ username }) => username)).toEqual(["b", "a"]);
    expect(credentialsFor("x.other.com/app", [secret]).map(({ username }) => username)).toEqual(["c"]);
    expect(credentialsFor("nginx", [secret])).toEqual([]);
  });
  it("for Docker's registry are known by its old name", () => {
    expect(credentialsFor("nginx", [secretOf({ "https://index.docker.io/v1/": { auth: btoa("a:1") } })])).toHaveLength(1);
  });
});

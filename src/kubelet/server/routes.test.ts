import { describe, expect, it } from "vitest";
import { logOptions, portsOf, streamOptions } from "./query.ts";
import { kubeletRoute, permissionFor } from "./routes.ts";

describe("the kubelet's paths", () => {
  it("name containers, with and without the pod's UID", () => {
    expect(kubeletRoute("/exec/default/web/main")).toEqual({
      type: "exec",
      target: { namespace: "default", pod: "web", podUid: undefined, container: "main" },
    });
    expect(kubeletRoute("/attach/default/web/u-1/main")).toMatchObject({ target: { podUid: "u-1", container: "main" } });
    expect(kubeletRoute("/containerLogs/default/web/main")).toMatchObject({ type: "containerLogs" });
    expect(kubeletRoute("/portForward/default/web")).toEqual({ type: "portForward", target: { namespace: "default", pod: "web", podUid: undefined } });
  });

  it("end where the kubelet has nothing", () => {
    for (const path of ["/", "/exec/default/web", "/exec/a/b/c/d/e", "/containerLogs/a/b/c/d", "/nothing/a/b/c"]) expect(kubeletRoute(path)).toBeUndefined();
    expect(kubeletRoute("/runningpods/")).toEqual({ type: "runningPods" });
  });

  it("need the permission that Kubernetes documents", () => {
    expect(permissionFor("GET", "/stats/summary")).toEqual({ verb: "get", subresources: ["stats"] });
    expect(permissionFor("GET", "/metrics/resource")).toEqual({ verb: "get", subresources: ["metrics"] });
    expect(permissionFor("POST", "/exec/a/b/c")).toEqual({ verb: "create", subresources: ["proxy"] });
    expect(permissionFor("GET", "/pods")).toEqual({ verb: "get", subresources: ["pods", "proxy"] });
    expect(permissionFor("GET", "/statsy")).toEqual({ verb: "get", subresources: ["proxy"] });
  });
});

describe("the kubelet's queries", () => {
  it("give stream options, without stderr on a terminal", () => {
    expect(streamOptions(new URLSearchParams("input=1&output=1&error=1&tty=1"))).toEqual({ stdin: true, stdout: true, stderr: false, tty: true });
    expect(streamOptions(new URLSearchParams("stdout=true"))).toEqual({ stdin: false, stdout: true, stderr: false, tty: false });
    expect(() => streamOptions(new URLSearchParams(""))).toThrow("you must specify at least 1 of stdin, stdout, stderr");
  });

  it("give ports and refuse what is none", () => {
    expect(portsOf(new URLSearchParams("port=80&port=443"))).toEqual([80, 443]);
    expect(() => portsOf(new URLSearchParams("port=70000"))).toThrow("between 1 and 65535");
  });

  it("give log options", () => {
    expect(logOptions(new URLSearchParams("follow=true&tailLines=10&timestamps=false"))).toMatchObject({ follow: true, tailLines: 10, timestamps: false });
    expect(() => logOptions(new URLSearchParams("tailLines=ten"))).toThrow('"ten" is not a whole number');
  });
});

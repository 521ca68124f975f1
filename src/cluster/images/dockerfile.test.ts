import { describe, expect, it } from "vitest";
import { parseDockerfile } from "./dockerfile.ts";
import { fullImageName, isImageName } from "./image-name.ts";

describe("a Dockerfile", () => {
  it("becomes copies and a configuration", () => {
    const plan = parseDockerfile(`# a web server
FROM scratch
ENV ROOT=/srv MODE="very fast"
WORKDIR $ROOT
COPY --chmod=755 --chown=10:20 server bin/
COPY ["index page.html", "/srv/"]
EXPOSE 80 53/udp
LABEL a=b
USER 65534
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/srv/bin/server", \\
  "--root=$ROOT"]
CMD start now
`);
    expect(plan.copies).toEqual([
      { sources: ["server"], destination: "/srv/bin/", mode: 0o755, uid: 10, gid: 20 },
      { sources: ["index page.html"], destination: "/srv/", mode: undefined, uid: 0, gid: 0 },
    ]);
    expect(plan.config).toEqual({
      Env: ["ROOT=/srv", "MODE=very fast"],
      WorkingDir: "/srv",
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
      Labels: { a: "b" },
      User: "65534",
      StopSignal: "SIGQUIT",
      Entrypoint: ["/srv/bin/server", "--root=$ROOT"],
      Cmd: ["/bin/sh", "-c", "start now"],
    });
  });

  it("is refused with the line when it asks for what cannot be done", () => {
    expect(() => parseDockerfile("FROM scratch\n\nRUN make\n")).toThrow("Dockerfile line 3: RUN is not supported");
    expect(() => parseDockerfile("FROM debian\n")).toThrow("FROM debian is not supported");
    expect(() => parseDockerfile("COPY a b\n")).toThrow("the first instruction must be FROM scratch");
    expect(() => parseDockerfile("FROM scratch\nCOPY --from=x a b\n")).toThrow("COPY --from=x is not supported");
    expect(() => parseDockerfile("# nothing\n")).toThrow("there is no FROM scratch");
  });
});

describe("image names", () => {
  it("are completed as the runtime stores them", () => {
    expect(["web", "web:1", "me/web", "localhost/web", "r.io:5000/a/b:2"].map(fullImageName)).toEqual([
      "docker.io/library/web:latest",
      "docker.io/library/web:1",
      "docker.io/me/web:latest",
      "localhost/web:latest",
      "r.io:5000/a/b:2",
    ]);
  });

  it("are checked", () => {
    expect(isImageName(fullImageName("web:1"))).toBe(true);
    expect(isImageName(fullImageName("Web"))).toBe(false);
    expect(isImageName(fullImageName("web:"))).toBe(false);
  });
});

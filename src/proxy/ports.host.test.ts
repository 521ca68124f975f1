import { connect } from "node:net";
import { afterEach, expect, it } from "vitest";
import { openHealthPort } from "./ports.host.ts";

const PORT = 47_256;
let open: { close(): void } | undefined;
afterEach(() => open?.close());

/** The first line of the answer to a request for just this target. */
function ask(target: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(PORT, "127.0.0.1", () => socket.end(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`));
    let text = "";
    socket.setEncoding("utf8").on("data", (data: string) => {
      text += data;
    });
    socket.on("end", () => resolve(text.split("\r\n")[0]));
    socket.on("error", reject);
  });
}

it("answers whatever is asked for", async () => {
  open = await openHealthPort(PORT, (path) => (path === "/healthz" ? { code: 200, body: "{}" } : { code: 404, body: "404 page not found\n" }));
  expect(await ask("/healthz?verbose")).toBe("HTTP/1.1 200 OK");
  for (const target of ["//", "http://[", "/%zz"]) expect(await ask(target)).toBe("HTTP/1.1 404 Not Found");
});

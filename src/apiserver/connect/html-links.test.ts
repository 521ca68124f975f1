import { expect, test } from "vitest";
import { rewriteLocation } from "./forward.ts";
import { withRewrittenLinks } from "./html-links.ts";

const rewrite = (link: string): string => rewriteLocation(link, "/p", "http://10.0.0.1:80");

/** Sends `page` in pieces of `size` characters. */
async function passed(page: string, size: number, headers: Record<string, string> = {}): Promise<string> {
  const pieces = Array.from({ length: Math.ceil(page.length / size) }, (_, index) => page.slice(index * size, (index + 1) * size));
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(Buffer.from(piece, "latin1"));
      controller.close();
    },
  });
  const response = withRewrittenLinks(
    { status: 200, headers: { "content-type": "text/html; charset=utf-8", "content-length": "7", ...headers }, body },
    rewrite,
  );
  return Buffer.from(await new Response(response.body).arrayBuffer()).toString("latin1");
}

test.each([
  ['<a href="/rewriteme">test</a>', '<a href="/p/rewriteme">test</a>'],
  ["<A class=x HREF = /one?q=1>1</A><img src='/i.png' alt='/not'/>", "<A class=x HREF = /p/one?q=1>1</A><img src='/p/i.png' alt='/not'/>"],
  ['<a href="b">b</a> <a href="../c"> <a href="#d"> <a href="">', '<a href="b">b</a> <a href="../c"> <a href="#d"> <a href="">'],
  ['<a href="https://other/x"> <a href="//other/x"> <a href="mailto:/x">', '<a href="https://other/x"> <a href="//other/x"> <a href="mailto:/x">'],
  ['<a href="http://10.0.0.1:80/x"><a href="/p/y">', '<a href="/p/x"><a href="/p/y">'],
  ['<div href="/x" data-a="/y">1 < 2 && 3 <a href="/z"', '<div href="/x" data-a="/y">1 < 2 && 3 <a href="/z"'],
  ['<!-- <a href="/x"> --><b>é</b>', '<!-- <a href="/x"> --><b>é</b>'],
  ["<script src='/s.js'>if (a<b) c('<a href=\"/x\">')</script ><a href=/y>", "<script src='/p/s.js'>if (a<b) c('<a href=\"/x\">')</script ><a href=/p/y>"],
  ["", ""],
])("%s", async (page, expected) => {
  for (const size of [1, 2, 7, 1000]) expect(await passed(page, size)).toBe(expected);
});

test.each([`<${"a".repeat(100_000)}`, `<a ${"a".repeat(60_000)}>`, "<a".repeat(50_000), `<!-- ${"<a ".repeat(50_000)}`])(
  "a page that is made to take long passes (%#)",
  async (page) => {
    expect((await passed(page, 16_384)) === page).toBe(true);
  },
);

test("comments and tags are told apart however much comes at once", async () => {
  const rest = "<p>".repeat(30_000);
  expect(await passed(`<!-- <a href="/x"> --></i><a href="/y">${rest}`, 200_000)).toBe(`<!-- <a href="/x"> --></i><a href="/p/y">${rest}`);
});

test("what is no page, or packed in an unknown way, passes as it is", async () => {
  expect(await passed('<a href="/x">', 100, { "content-type": "application/json" })).toBe('<a href="/x">');
  expect(await passed('<a href="/x">', 100, { "content-encoding": "br" })).toBe('<a href="/x">');
});

test("a packed page is unpacked and packed again", async () => {
  const packed = new Response('<a href="/x">').body?.pipeThrough(new CompressionStream("gzip"));
  const headers = { "content-type": "text/html", "content-encoding": "gzip", "content-length": "9" };
  const response = withRewrittenLinks({ status: 200, headers, body: packed as ReadableStream<Uint8Array> }, rewrite);
  expect(response.headers).toEqual({ "content-type": "text/html", "content-encoding": "gzip" });
  const unpacked = response.body.pipeThrough(new DecompressionStream("gzip") as unknown as TransformStream<Uint8Array, Uint8Array>);
  expect(await new Response(unpacked).text()).toBe('<a href="/p/x">');
});

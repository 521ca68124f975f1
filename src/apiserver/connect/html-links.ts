// Links in pages that come through a proxy: what begins at the backend's root must lead through the proxy again, as redirects do.
//
// Invariants: only values of attributes that hold addresses change, every other byte stays; scripts, styles and comments are left
// alone; what is held back is bounded. Bytes are kept as characters of the same number, for a tag is ASCII in every encoding that
// pages come in. The elements are those of the HTML standard (https://html.spec.whatwg.org/multipage/indices.html#attributes-3) whose
// attributes are addresses, and of older ones.
import type { BackendResponse } from "../node-connector.ts";

const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};
/** Elements whose content is no markup. */
const RAW_TEXT: ReadonlySet<string> = new Set(["script", "style", "textarea", "title", "iframe", "noembed", "noframes", "xmp"]);
/** A tag or comment that does not end within as much is passed on as it is. */
const MAX_TAG_LENGTH = 64 * 1024;
// Pages are written by strangers: every name has one place where it can begin and one where it can end, so that time grows with length.
const TAG = /^<([a-zA-Z][^\s/>]*)(?=[\s/>])(?:"[^"]*"|'[^']*'|[^"'>])*>/;
const ATTRIBUTE = /(?<![^\s"'<>/=])([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

/** The answer with its links rewritten, when it is a page in an encoding that can be read; else as it is. */
export function withRewrittenLinks(response: BackendResponse, rewrite: (link: string) => string): BackendResponse {
  const { "content-type": type = "", "content-encoding": encoding = "", "content-length": _length, ...headers } = response.headers;
  if (!/^\s*text\/html\s*(?:;|$)/.test(String(type))) return response;
  const kept = { ...headers, "content-type": type };
  const links = linkRewriter(rewrite);
  if (encoding === "") return { ...response, headers: kept, body: response.body.pipeThrough(links) };
  const format = ({ gzip: "gzip", deflate: "deflate-raw" } as const)[String(encoding)];
  if (format === undefined) return response;
  const body = response.body
    .pipeThrough(bytesOf(new DecompressionStream(format)))
    .pipeThrough(links)
    .pipeThrough(bytesOf(new CompressionStream(format)));
  return { ...response, headers: { ...kept, "content-encoding": encoding }, body };
}

interface ByteTransform {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<Uint8Array>;
}

/** The types of the platform's streams say less than what they do: they give `Uint8Array`s. */
function bytesOf(stream: { readonly readable: ReadableStream; readonly writable: WritableStream }): ByteTransform {
  return stream;
}

function linkRewriter(rewrite: (link: string) => string): TransformStream<Uint8Array, Uint8Array> {
  let held = "";
  let rawText: string | undefined;
  const take = (text: string, isEnd: boolean): string => {
    held += text;
    let out = "";
    for (;;) {
      const piece = nextPiece(held, rawText, isEnd);
      if (piece === undefined) return out;
      held = held.slice(piece.length);
      out += piece.tag === undefined ? piece.text : rewrittenTag(piece.text, piece.tag, rewrite);
      if (piece.tag !== undefined) rawText = RAW_TEXT.has(piece.tag) && !piece.text.endsWith("/>") ? piece.tag : undefined;
      else if (piece.endsRawText) rawText = undefined;
    }
  };
  return new TransformStream({
    transform: (chunk, controller) => enqueue(controller, take(fromBytes(chunk), false)),
    flush: (controller) => enqueue(controller, take("", true)),
  });
}

interface Piece {
  readonly text: string;
  readonly length: number;
  /** The element's name in lower case, when the piece is a start tag. */
  readonly tag?: string;
  readonly endsRawText?: boolean;
}

/** The next tag, comment or text; undefined when more is needed to tell. */
function nextPiece(held: string, rawText: string | undefined, isEnd: boolean): Piece | undefined {
  if (held === "") return undefined;
  const plain = (length: number, endsRawText = false): Piece => ({ text: held.slice(0, length), length, endsRawText });
  if (rawText !== undefined) {
    const end = held.search(new RegExp(`</${rawText}[\\s/>]`, "i"));
    if (end >= 0) return plain(end + 2, true);
    // The end tag may have come in part.
    const open = isEnd ? held.length : held.length - rawText.length - 2;
    return open > 0 ? plain(open) : undefined;
  }
  const start = held.indexOf("<");
  if (start !== 0) return plain(start < 0 ? held.length : start);
  const isComment = held.startsWith("<!--");
  if (!isComment && held.length >= 4 && !/^<[a-zA-Z]/.test(held)) return plain(1);
  const end = isComment ? held.indexOf("-->", 4) : -1;
  if (end >= 0) return plain(end + 3);
  const tag = isComment ? null : TAG.exec(held);
  if (tag !== null) return { text: tag[0], length: tag[0].length, tag: (tag[1] ?? "").toLowerCase() };
  return isEnd || held.length > MAX_TAG_LENGTH ? plain(held.length) : undefined;
}

function rewrittenTag(text: string, tag: string, rewrite: (link: string) => string): string {
  const names = Object.hasOwn(LINKS, tag) ? LINKS[tag] : undefined;
  if (names === undefined) return text;
  return text.replace(ATTRIBUTE, (whole: string, name: string, equals: string, value: string) => {
    if (!names.includes(name.toLowerCase())) return whole;
    const quote = /^["']/.exec(value)?.[0] ?? "";
    return `${name}${equals}${quote}${rewrite(quote === "" ? value : value.slice(1, -1))}${quote}`;
  });
}

function enqueue(controller: TransformStreamDefaultController<Uint8Array>, text: string): void {
  if (text !== "") controller.enqueue(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function fromBytes(bytes: Uint8Array): string {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return text;
}

// What form an answer takes: JSON or YAML, as it is, as a Table or as metadata only
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources).
import { notAcceptableError } from "../../api/index.ts";

export type Transform = "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList" | "APIGroupDiscoveryList";

export interface MediaType {
  readonly format: "json" | "yaml";
  /** Absent: the object itself. */
  readonly transform?: { readonly as: Transform; readonly group: string; readonly version: string };
  readonly contentType: string;
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const FORMATS: Readonly<Record<string, "json" | "yaml">> = {
  "application/json": "json",
  "application/yaml": "yaml",
  "application/*": "json",
  "*/*": "json",
};
const MEDIA_TYPES = ["application/json", "application/yaml"];

/** Tells whether a transform can be had at this place. */
export type Permits = (as: string, group: string, version: string) => boolean;

/** The best form for an Accept header. Throws NotAcceptable. */
export function negotiate(accept: string, permits: Permits): MediaType {
  if (accept === "") return { format: "json", contentType: "application/json" };
  for (const clause of parseAccept(accept)) {
    const accepted = acceptClause(clause, permits);
    if (accepted !== undefined) return accepted;
  }
  throw notAcceptableError(MEDIA_TYPES);
}

function acceptClause({ type, parameters }: Clause, permits: Permits): MediaType | undefined {
  const format = FORMATS[type];
  if (format === undefined) return undefined;
  const as = parameters.get("as");
  if (as === undefined) return { format, contentType: `application/${format}` };
  const group = parameters.get("g") ?? "";
  const version = parameters.get("v") ?? "";
  if (!permits(as, group, version)) return undefined;
  return { format, transform: { as: as as Transform, group, version }, contentType: `application/${format};as=${as};v=${version};g=${group}` };
}

/** By quality, then in the order given. */
function parseAccept(accept: string): Clause[] {
  return accept
    .split(",")
    .map(parseClause)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

function parseClause(text: string): Clause {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const part of rest) {
    const equals = part.indexOf("=");
    if (equals > 0) parameters.set(part.slice(0, equals).toLowerCase(), part.slice(equals + 1).replace(/^"(.*)"$/, "$1"));
  }
  const quality = Number(parameters.get("q") ?? "1");
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
}

/** The media type of a Content-Type header, without its parameters. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(";")[0] ?? "").trim().toLowerCase();
}

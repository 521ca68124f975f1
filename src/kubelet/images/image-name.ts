// The parts of an image reference, and the tag that is meant when none is given
// (https://kubernetes.io/docs/concepts/containers/images/#image-names).

const NAME = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const REGISTRY = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

export interface ImageName {
  /** Host and port; absent: the default registry. */
  readonly registry: string | undefined;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Undefined when the text is no image reference. */
export function parseImageName(text: string): ImageName | undefined {
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : text.slice(at + 1);
  const named = at === -1 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  const tag = tagged ? named.slice(colon + 1) : undefined;
  const path = tagged ? named.slice(0, colon) : named;
  const slash = path.indexOf("/");
  const first = slash === -1 ? "" : path.slice(0, slash);
  const hasRegistry = first.includes(".") || first.includes(":") || first === "localhost" || first !== first.toLowerCase();
  const registry = hasRegistry ? first : undefined;
  const repository = hasRegistry ? path.slice(slash + 1) : path;
  if ((registry !== undefined && !REGISTRY.test(registry)) || !NAME.test(repository)) return undefined;
  if ((tag !== undefined && !TAG.test(tag)) || (digest !== undefined && !DIGEST.test(digest))) return undefined;
  return { registry, repository, tag, digest };
}

/** With `:latest` when neither tag nor digest is given; undefined when the text is no image reference. */
export function withDefaultTag(text: string): string | undefined {
  const name = parseImageName(text);
  if (name === undefined) return undefined;
  return name.tag === undefined && name.digest === undefined ? `${text}:latest` : text;
}

/** As runtimes list it: `docker.io/library/nginx:latest` for `nginx`, without the tag when there is a digest. */
export function canonicalImageName(text: string): string {
  const name = parseImageName(text);
  if (name === undefined) return text;
  const { registry = "docker.io", repository, tag = "latest", digest } = name;
  const path = registry === "docker.io" && !repository.includes("/") ? `library/${repository}` : repository;
  return `${registry}/${path}${digest === undefined ? `:${tag}` : `@${digest}`}`;
}

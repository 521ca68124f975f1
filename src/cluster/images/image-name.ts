// Image names as the container runtime stores them: with registry, repository path and tag
// (https://github.com/distribution/reference). Pure.

/** `web` is `docker.io/library/web:latest`, `registry:5000/a/b@sha256:…` stays. */
export function fullImageName(name: string): string {
  const [first = "", ...rest] = name.split("/");
  const hasRegistry = rest.length > 0 && (first.includes(".") || first.includes(":") || first === "localhost");
  const path = hasRegistry ? name : rest.length > 0 ? `docker.io/${name}` : `docker.io/library/${name}`;
  const last = path.slice(path.lastIndexOf("/") + 1);
  return last.includes(":") || last.includes("@") ? path : `${path}:latest`;
}

const namePattern = /^[a-zA-Z0-9.-]+(:\d+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+:[\w][\w.-]{0,127}$/;

/** Whether a full name, with a tag, can name an image that is built. */
export function isImageName(fullName: string): boolean {
  return namePattern.test(fullName);
}

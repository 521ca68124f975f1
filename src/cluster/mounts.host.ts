// What is mounted where, as this process sees it.
import { readFile } from "node:fs/promises";

/** Later mounts, which lie on earlier ones, first. What is mounted on a folder itself is the user's: a disk for the cluster's data, say. */
export async function mountPointsBelow(folders: readonly string[]): Promise<readonly string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  const points = table.split("\n").map((line) => unescaped(line.split(" ")[4] ?? ""));
  return points.filter((point) => folders.some((folder) => point.startsWith(`${folder}/`))).reverse();
}

/** Mount tables write blanks and backslashes as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_whole, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

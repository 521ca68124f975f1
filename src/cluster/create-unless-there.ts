// Objects that the cluster brings along: made once, and left to their users from then on.
import { isStatus, type Kind, type KubeObject } from "../api/index.ts";
import type { Client } from "../client/index.ts";

export async function createUnlessThere<T extends KubeObject>(client: Client, kind: Kind<T>, object: T): Promise<void> {
  if (!(await isThere(client, kind, object))) await client.create(kind, object);
}

export async function isThere<T extends KubeObject>(client: Client, kind: Kind<T>, { metadata }: T): Promise<boolean> {
  try {
    await client.get(kind, metadata);
    return true;
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    return false;
  }
}

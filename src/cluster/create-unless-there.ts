// Objects that the cluster brings along: made once, and left to their users from then on.
import { isStatus, type Kind, type KubeObject } from "../api/index.ts";
import type { Client } from "../client/index.ts";

/** False: it was there. */
export async function createUnlessThere<T extends KubeObject>(client: Client, kind: Kind<T>, object: T): Promise<boolean> {
  try {
    await client.get(kind, object.metadata);
    return false;
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    await client.create(kind, object);
    return true;
  }
}

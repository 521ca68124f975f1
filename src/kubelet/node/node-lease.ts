// The node's sign of life: a lease that is renewed four times in its duration; a node whose lease has run out is taken for lost
// (https://kubernetes.io/docs/concepts/architecture/leases/#node-heart-beats).
import { isStatus, type Lease, leases, nodes } from "../../api/index.ts";
import { type Env, formatMicroTime } from "../../base/index.ts";
import type { Client } from "../../client/index.ts";

const NAMESPACE = "kube-node-lease";

export async function renewLease(env: Env, client: Client, nodeName: string, durationSeconds: number): Promise<void> {
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: durationSeconds, renewTime: formatMicroTime(env.clock.now()) };
  try {
    await client.patch(leases, { namespace: NAMESPACE, name: nodeName }, { type: "merge", body: { spec } });
  } catch (error) {
    if (!isStatus(error, "NotFound")) throw error;
    const { uid } = (await client.get(nodes, { name: nodeName })).metadata;
    const lease: Lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: nodeName,
        namespace: NAMESPACE,
        ...(uid === undefined ? {} : { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid }] }),
      },
      spec,
    };
    await client.create(leases, lease);
  }
}

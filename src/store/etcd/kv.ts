// etcd's services KV and Lease over a store (https://etcd.io/docs/v3.6/learning/api/).
import type { Store } from "../store.ts";
import {
  compactedError,
  deleteOperation,
  deleteResponse,
  futureRevisionError,
  keyBytes,
  leaseId,
  putOperation,
  putResponse,
  rangeRequest,
  rangeResponse,
  responseOp,
  txnRequest,
} from "./convert.ts";
import { exchange, GrpcError, type GrpcMethods, grpcStatus, unary } from "./grpc.ts";
import type { Member } from "./member.ts";

const MAX_LEASE_TTL_SECONDS = 9_000_000_000;

export function kvMethods(store: Store, member: Member): GrpcMethods {
  return {
    "/etcdserverpb.KV/Range": unary("RangeRequest", "RangeResponse", async (request) => {
      const result = await store.range(rangeRequest(request));
      if (!result.ok) throw result.reason === "compacted" ? compactedError() : futureRevisionError();
      return rangeResponse(result, member.header(result.revision));
    }),
    "/etcdserverpb.KV/Put": unary("PutRequest", "PutResponse", async (request) => {
      const { revision, responses } = await store.txn({ compare: [], success: [putOperation(request)], failure: [] });
      return putResponse(responses[0], member.header(revision));
    }),
    "/etcdserverpb.KV/DeleteRange": unary("DeleteRangeRequest", "DeleteRangeResponse", async (request) => {
      const { revision, responses } = await store.txn({ compare: [], success: [deleteOperation(request)], failure: [] });
      return deleteResponse(responses[0], member.header(revision));
    }),
    "/etcdserverpb.KV/Txn": unary("TxnRequest", "TxnResponse", async (request) => {
      const { revision, succeeded, responses } = await store.txn(txnRequest(request));
      const header = member.header(revision);
      return { header, succeeded, responses: responses.map((response) => responseOp(response, header)) };
    }),
    "/etcdserverpb.KV/Compact": unary("CompactionRequest", "HeaderResponse", async ({ revision }) => {
      if (!(await store.compact(revision))) throw revision > store.revision() ? futureRevisionError() : compactedError();
      return { header: member.header(store.revision()) };
    }),
  };
}

export function leaseMethods(store: Store, member: Member): GrpcMethods {
  const header = () => member.header(store.revision());
  const revoke = unary("LeaseRequest", "HeaderResponse", async ({ id }) => {
    await store.revokeLease(leaseId(id));
    return { header: header() };
  });
  const timeToLive = unary("LeaseTimeToLiveRequest", "LeaseTimeToLiveResponse", async ({ id, keys }) => {
    const lease = await store.lease(leaseId(id));
    if (lease === undefined) return { header: header(), id, ttl: -1 };
    const { remainingSeconds: ttl, grantedTtlSeconds: grantedTtl } = lease;
    return { header: header(), id, ttl, grantedTtl, keys: keys ? lease.keys.map(keyBytes) : [] };
  });
  const leases = unary("Empty", "LeaseLeasesResponse", async () => ({ header: header(), leases: (await store.leases()).map((id) => ({ id })) }));
  return {
    "/etcdserverpb.Lease/LeaseGrant": unary("LeaseGrantRequest", "LeaseGrantResponse", async ({ ttl, id }) => {
      if (ttl > MAX_LEASE_TTL_SECONDS) throw new GrpcError(grpcStatus.outOfRange, "etcdserver: too large lease TTL");
      // The shortest lifetime is the server's affair; etcd lengthens what is shorter.
      const lease = await store.grantLease(leaseId(id), Math.max(1, ttl));
      return { header: header(), id: lease.id, ttl: lease.grantedTtlSeconds };
    }),
    "/etcdserverpb.Lease/LeaseRevoke": revoke,
    "/etcdserverpb.Lease/LeaseKeepAlive": exchange("LeaseRequest", "LeaseKeepAliveResponse", async ({ id }) => ({
      header: header(),
      id,
      ttl: (await store.keepLeaseAlive(leaseId(id))) ?? 0,
    })),
    "/etcdserverpb.Lease/LeaseTimeToLive": timeToLive,
    "/etcdserverpb.Lease/LeaseLeases": leases,
  };
}

// The public face of client/.
export { type Backoff, type BackoffOptions, createBackoff, delay } from "./backoff.ts";
export * from "./client.ts";
export { createEventRecorder, type EventDetails, type EventRecorder, type EventRecorderOptions, objectReference } from "./event-recorder.ts";
export { createInformer, type Informer, type InformerHandler, type InformerSelection } from "./informer.ts";
export { createInformerFactory, type InformerFactory } from "./informer-factory.ts";
export { type LeaderElection, type LeaderElectionOptions, runLeaderElection } from "./leader-election.ts";
export { type IndexFunction, NAMESPACE_INDEX } from "./object-index.ts";
export { createReconciler, type ReconcileResult, type Reconciler, type ReconcilerOptions, TerminalError } from "./reconciler.ts";
export { ignoreNotFound, retryOnConflict } from "./retry.ts";
export { createWorkQueue, type WorkQueue, type WorkQueueOptions } from "./work-queue.ts";

// Events about pods and their containers, as users see them in `kubectl describe`.
import type { Pod } from "../api/index.ts";
import type { EventRecorder } from "../client/index.ts";
import { containerFieldPath } from "./pods/pod-spec.ts";

export interface PodEvents {
  pod(pod: Pod, type: "Normal" | "Warning", reason: string, message: string): void;
  container(pod: Pod, container: { readonly name: string }, type: "Normal" | "Warning", reason: string, message: string): void;
}

export function createPodEvents(recorder: EventRecorder): PodEvents {
  return {
    pod: (pod, type, reason, message) => recorder.event(pod, type, reason, message),
    container: (pod, container, type, reason, message) => recorder.event(pod, type, reason, message, { fieldPath: containerFieldPath(pod, container) }),
  };
}

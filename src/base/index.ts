// The public face of base/.
export * from "./assert.ts";
export * from "./duration.ts";
export * from "./env.ts";
export { METRIC_TEXT_TYPE, type MetricFamily, MetricText } from "./metric-text.ts";
export { createMetrics } from "./metrics.ts";
export { createCodec, type Message, type MessageInput, type MessageTable, type WireMessage } from "./protobuf.ts";
export * from "./quantity.ts";
export * from "./random.ts";
export * from "./time.ts";
export * from "./types.ts";
export * from "./virtual-env.ts";

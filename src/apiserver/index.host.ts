// The API server's parts that touch the machine: its port, and the way to nodes.
export * from "./index.ts";
export { type Listener, type ListenOptions, listen } from "./listener.host.ts";
export {
  createNodeConnector,
  createServerConnector,
  type HttpsNodeConnector,
  type HttpsNodeConnectorOptions,
  type ServerConnector,
} from "./node-connector.host.ts";

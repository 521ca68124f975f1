// Ports of the machine that the proxy listens on: those that it holds for load balancers, and those on which it tells its health.
import { createSocket } from "node:dgram";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import type { OpenHealthPort } from "./health.ts";
import type { PortReserver } from "./load-balancer.ts";

/** IPv4 alone: who tries `localhost` over IPv6 first is refused there, and comes to 127.0.0.1. */
const EVERY_ADDRESS = "0.0.0.0";

/** Holds TCP and UDP ports by listening. SCTP ports cannot be held from here; they always count as free. */
export const portReserver: PortReserver = {
  reserve: async (name) => {
    const [protocol = "", port = ""] = name.split("/");
    try {
      if (protocol === "TCP") return await holdTcp(Number(port));
      if (protocol === "UDP") return await holdUdp(Number(port));
      return { release: () => undefined };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return undefined;
      throw error;
    }
  },
};

/** The rules keep connections away from it; one that slips through before they are set is ended. */
async function holdTcp(port: number): Promise<{ release(): void }> {
  const server = createServer((socket) => socket.resetAndDestroy());
  await listening(server, port);
  return { release: () => void server.close() };
}

function holdUdp(port: number): Promise<{ release(): void }> {
  const socket = createSocket({ type: "udp4", reuseAddr: false });
  return new Promise((resolve, reject) => {
    socket.once("error", (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, EVERY_ADDRESS, () => resolve({ release: () => void socket.close() }));
  });
}

export const openHealthPort: OpenHealthPort = async (port, answer) => {
  const server = createHttpServer((request, response) => {
    // Not read as a URL: not everything that a stranger may ask for is one, `//` to begin with.
    const [path = "/"] = (request.url ?? "/").split("?", 1);
    const { code, headers = {}, body } = answer(path);
    response.writeHead(code, {
      "Content-Type": code === 404 ? "text/plain; charset=utf-8" : "application/json",
      "X-Content-Type-Options": "nosniff",
      ...headers,
    });
    response.end(body);
  });
  await listening(server, port, "::");
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};

/** `::` is every address of both families where the machine has IPv6. */
async function listening(server: Server, port: number, host = EVERY_ADDRESS): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (host !== "::" || (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL")) throw error;
    await listening(server, port);
  }
}

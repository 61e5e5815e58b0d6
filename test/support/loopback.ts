import { once } from "node:events";
import type { Server } from "node:net";

/** Makes a server listen on the loopback, at a free port, and gives the port. */
export async function listenOnLoopback(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server has no port");
  return address.port;
}

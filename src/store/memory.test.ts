import { createVirtualEnv } from "../base/index.ts";
import { storeContract } from "./contract.ts";
import { createMemoryStore } from "./memory.ts";

storeContract("memory", async (options) => {
  const { env, clock } = createVirtualEnv();
  const store = createMemoryStore(env, options);
  return { store, clock, cleanUp: () => store.close() };
});

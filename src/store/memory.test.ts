import { createVirtualEnv } from "../base/index.ts";
import { storeContract } from "./contract.ts";
import { createMemoryStore } from "./memory.ts";

storeContract("memory", async () => {
  const { env, clock } = createVirtualEnv();
  const store = createMemoryStore(env);
  return { store, clock, cleanUp: () => store.close() };
});

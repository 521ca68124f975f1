// The public face of base/ for files that may touch the machine.
export { createSystemEnv, type LogLevel, type SystemEnvOptions } from "./system-env.host.ts";

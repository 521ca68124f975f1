// `npm test`: the checks, then the tests that cross rooms, then those that need this machine's containers and network. What a
// machine cannot run is named, with the reason, and counted as skipped.

import { containerTests } from "../test/machine.host.ts";
import { checkSteps, runSteps, vitest } from "./steps.ts";

const { reason } = containerTests();
const total = runSteps([
  ...checkSteps,
  vitest("across rooms", ["--config", "vitest.rooms.config.ts"]),
  vitest(reason === undefined ? "on real containers" : "on real containers (left out)", ["--config", "vitest.machine.config.ts"]),
]);
if (reason !== undefined) console.log(`Left out: the container and network tests, because ${reason}.`);
process.exit(total.failed === 0 ? 0 : 1);

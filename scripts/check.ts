// `npm run check`: types, lint, layers, unused code, unit tests. Under two minutes.
import { checkSteps, runSteps } from "./steps.ts";

process.exit(runSteps(checkSteps).failed === 0 ? 0 : 1);

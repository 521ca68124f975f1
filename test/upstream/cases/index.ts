// All scenarios, in the order in which they run on one server.

import { kindScenario, type Scenario } from "./cases.ts";
import { clusterWide } from "./cluster-wide.ts";
import { extensions } from "./extensions.ts";
import { namespaced } from "./namespaced.ts";
import { documents, preparation, protocol } from "./protocol.ts";
import { subresources } from "./subresources.ts";
import { workloads } from "./workloads.ts";

export const scenarios: readonly Scenario[] = [
  preparation,
  ...[...workloads, ...namespaced, ...clusterWide, ...extensions].map(kindScenario),
  protocol,
  subresources,
  documents,
];

// The files that `npm run new` writes: a beginning that compiles, fails its own test until it is thought through, and says where it must
// be listed.

export interface NewFile {
  readonly path: string;
  readonly text: string;
}

export interface Template {
  /** What NAME looks like. */
  readonly usage: string;
  readonly isName: (name: string) => boolean;
  readonly files: (name: string) => readonly NewFile[];
  /** What is left to do by hand. */
  readonly next: (name: string) => readonly string[];
}

const KEBAB = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const isKebab = (name: string): boolean => KEBAB.test(name);

function camel(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
function pascal(name: string): string {
  const word = camel(name);
  return word.charAt(0).toUpperCase() + word.slice(1);
}
function plural(word: string): string {
  if (/(?:s|x|ch)$/.test(word)) return `${word}es`;
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}

function kindParts(name: string): { group: string; file: string; type: string; list: string } {
  const [group = "", file = ""] = name.split("/");
  return { group, file, type: pascal(file), list: plural(camel(file)) };
}

export const TEMPLATES: Readonly<Record<string, Template>> = {
  kind: {
    usage: "GROUP/KIND in kebab-case, e.g. storage/volume-attachment; the group's first label, as the folders of src/api are named",
    isName: (name) => name.split("/").length === 2 && name.split("/").every(isKebab),
    files: (name) => {
      const { group, file, type, list } = kindParts(name);
      return [
        {
          path: `src/api/${group}/${file}.ts`,
          text: `// ${type} (${group}): what it is for (link to its page in the Kubernetes documentation).
import { ageColumn, nameColumn } from "../columns.ts";
import { kind } from "../declare.ts";
import type { ${type} } from "../generated/types.ts";

export const ${list} = kind<${type}>("${group}/v1", "${type}", {
  columns: [nameColumn(), ageColumn()],
});
`,
        },
        {
          path: `src/api/${group}/${file}.test.ts`,
          text: `import { expect, it } from "vitest";
import { ${list} } from "./${file}.ts";

it("says what a ${type} must have", () => {
  const object = { apiVersion: ${list}.apiVersion, kind: ${list}.kind, metadata: { name: "example" } } as never;
  expect(${list}.declaration.validateCreate?.(object)).toEqual([]);
});
`,
        },
      ];
    },
    next: (name) => {
      const { group, file, list } = kindParts(name);
      return [
        `correct the API group's full name in src/api/${group}/${file}.ts`,
        `list ${list} in src/api/registry.ts and src/api/index.ts`,
        "read docs/recipes/kind.md",
      ];
    },
  },
  controller: {
    usage: "NAME in kebab-case, e.g. ttl-after-finished",
    isName: isKebab,
    files: (name) => [
      {
        path: `src/controllers/${name}.ts`,
        text: `// What this controller keeps true (link to the page that says so).
import { type ConfigMap, configMaps } from "../api/index.ts";
import { nothing, type Plan } from "./action.ts";
import { controller } from "./controller.ts";

export interface Observed${pascal(name)} {
  readonly object: ConfigMap;
}

/** Pure: the same state gives the same actions, and none once they are done. */
export function plan${pascal(name)}({ object }: Observed${pascal(name)}): Plan {
  if (object.metadata.deletionTimestamp !== undefined) return nothing;
  return nothing;
}

export const ${camel(name)}Controller = controller<ConfigMap, Observed${pascal(name)}>("${name}", {
  for: configMaps,
  observe: (key, caches) => {
    const object = caches.of(configMaps).get(key);
    return object === undefined ? undefined : { object };
  },
  plan: plan${pascal(name)},
});
`,
      },
      {
        path: `src/controllers/${name}.test.ts`,
        text: `import { expect, it } from "vitest";
import { plan${pascal(name)} } from "./${name}.ts";

it("acts on what it should act on", () => {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "example", namespace: "default" } };
  expect(plan${pascal(name)}({ object }).actions).not.toEqual([]);
});
`,
      },
    ],
    next: (name) => [
      `list ${camel(name)}Controller in src/controllers/manager.ts, its service account in src/controllers/service-accounts.ts`,
      "read docs/recipes/controller.md",
    ],
  },
  plugin: {
    usage: "NAME in kebab-case, e.g. node-name: becomes the scheduler plugin NodeName",
    isName: isKebab,
    files: (name) => [
      {
        path: `src/scheduler/plugins/${name}.ts`,
        text: `// ${pascal(name)}: which nodes it rejects or prefers (link to the page that says so).
import { plugin, unresolvable } from "../plugin.ts";

export const ${camel(name)} = plugin("${pascal(name)}", {
  filter: (_pod, node) => (node.node === undefined ? unresolvable("node(s) are not there") : undefined),
});
`,
      },
      {
        path: `src/scheduler/plugins/${name}.test.ts`,
        text: `import { expect, it } from "vitest";
import { NodeInfo } from "../node-info.ts";
import { podInfo } from "../pod-info.ts";
import { testNode, testPod } from "../testing.ts";
import { ${camel(name)} } from "./${name}.ts";

it("rejects the nodes it should reject", () => {
  const node = new NodeInfo("a");
  node.setNode(testNode("a"));
  expect(${camel(name)}.filter?.(podInfo(testPod("p")), node, undefined)?.reasons).toEqual(["the reason that users read"]);
});
`,
      },
    ],
    next: (name) => [
      `list ${camel(name)} in src/scheduler/config/plugin-registry.ts and profiles.ts, where its place in the order is its meaning`,
      "read docs/recipes/scheduler-plugin.md",
    ],
  },
  volume: {
    usage: "NAME in kebab-case, e.g. host-path: becomes the volume type hostPath, a field of a volume's spec",
    isName: isKebab,
    files: (name) => [
      {
        path: `src/kubelet/volumes/${name}.ts`,
        text: `// Volume type ${camel(name)} (link to its section in https://kubernetes.io/docs/concepts/storage/volumes/).
import { volume } from "./volume.ts";

export const ${camel(name)} = volume("${camel(name)}", {
  setUp: async (_source, { host, directory }) => {
    await host.files.makeDirectory(directory, 0o755);
    return { path: directory, readOnly: false };
  },
});
`,
      },
      {
        path: `src/kubelet/volumes/${name}.test.ts`,
        text: `import { expect, it } from "vitest";
import { ${camel(name)} } from "./${name}.ts";

it("sets up what a container is to see", () => {
  expect(${camel(name)}.name).toBe("what this type shows to containers");
});
`,
      },
    ],
    next: (name) => [`list ${camel(name)} in src/kubelet/volumes/volume-types.ts`, "read docs/recipes/volume.md"],
  },
};

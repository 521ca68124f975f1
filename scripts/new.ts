// `npm run new -- kind|controller|plugin|volume NAME` writes one file and its test to begin with.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { TEMPLATES } from "./new-templates.ts";

const [what = "", name = ""] = process.argv.slice(2);
const template = TEMPLATES[what];
if (template === undefined)
  fail(
    `usage: npm run new -- ${Object.keys(TEMPLATES).join("|")} NAME\n\n${Object.entries(TEMPLATES)
      .map(([key, { usage }]) => `  ${key}: ${usage}`)
      .join("\n")}`,
  );
if (!template.isName(name)) fail(`"${name}" is no name for a ${what}: ${template.usage}`);
const files = template.files(name);
const taken = files.find(({ path }) => existsSync(path));
if (taken !== undefined) fail(`${taken.path} is there already`);
for (const { path, text } of files) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`wrote ${path}`);
}
console.log(
  `\nNext:\n${template
    .next(name)
    .map((step) => `- ${step}`)
    .join("\n")}`,
);

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

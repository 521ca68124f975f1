// What our API server answers is what upstream's answered when it was recorded (`scripts/record-upstream.ts`), request by request: bad
// input of every kind above all, and the form of good answers.
//
// `open.json` lists the cases in which ours differs and should not, `differences.ts` those in which it means to, with the reason. A
// case that is listed and does not differ fails too, so that neither list can rot; `KUBETS_REWRITE_OPEN=1` writes the first anew.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../src/apiserver/testing.ts";
import { type Answer, answerOf } from "./upstream/answer.ts";
import type { RequestCase } from "./upstream/cases/cases.ts";
import { scenarios } from "./upstream/cases/index.ts";
import { intendedDifference, isUnsettled } from "./upstream/differences.ts";
import { TOKENS, wireForm } from "./upstream/recorder.host.ts";

const FOLDER = join(import.meta.dirname, "upstream/recorded");
const OPEN = join(FOLDER, "open.json");
const recorded = JSON.parse(readFileSync(join(FOLDER, "requests.json"), "utf8")) as Readonly<Record<string, Answer>>;
const open = new Set(JSON.parse(readFileSync(OPEN, "utf8")) as readonly string[]);
const rewritten: string[] = [];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ advertise: { address: "192.0.2.2", port: 16443 } });
});

async function ask(one: RequestCase): Promise<Answer> {
  const { body, headers } = wireForm(one);
  const token = one.headers?.["authorization"] === undefined ? TOKENS[one.as ?? "admin"] : undefined;
  const answer = await server.request(one.method, one.path, { body: body === "" ? undefined : body, headers, token });
  const warning = answer.headers["warning"];
  const warnings = warning === undefined ? [] : [typeof warning === "string" ? warning : warning.join(", ")];
  const { status, text } = answer;
  answer.stop();
  return answerOf({ status, warnings, text });
}

/** The store's revision, once what the server does by itself after a write is over. */
async function settledRevision(): Promise<number> {
  for (let before = -1; before !== server.store.revision(); await new Promise((resolve) => setImmediate(resolve))) before = server.store.revision();
  return server.store.revision();
}

describe("the API server answers as upstream's", () => {
  // In order, on one server: a scenario finds what those before it left.
  for (const { name, cases } of scenarios) {
    it(name, async () => {
      const unforeseen: string[] = [];
      for (const one of cases) {
        const key = `${name}: ${one.name}`;
        const before = await settledRevision();
        const ours = await ask(one);
        // What is refused, and what is only tried, leaves nothing behind.
        if (ours.status >= 400 || one.path.includes("dryRun=All")) expect(server.store.revision(), key).toBe(before);
        if (isUnsettled(key)) continue;
        const isSame = JSON.stringify(ours) === JSON.stringify(recorded[key]);
        const intended = intendedDifference(key);
        if (!isSame && intended === undefined) rewritten.push(key);
        if (isSame === (intended !== undefined || open.has(key))) unforeseen.push(report(key, ours, isSame));
      }
      if (process.env["KUBETS_REWRITE_OPEN"] === undefined) expect(unforeseen.join("\n\n")).toBe("");
    });
  }

  it("differs nowhere else", () => {
    if (process.env["KUBETS_REWRITE_OPEN"] !== undefined) writeFileSync(OPEN, `${JSON.stringify(rewritten, undefined, 1)}\n`);
    const known = new Set(scenarios.flatMap(({ name, cases }) => cases.map((one) => `${name}: ${one.name}`)));
    expect([...open].filter((key) => !known.has(key))).toEqual([]);
    expect(Object.keys(recorded).filter((key) => !known.has(key))).toEqual([]);
  });
});

function report(key: string, ours: Answer, isSame: boolean): string {
  if (isSame) return `${key}\n  is as upstream has it, though listed as different: KUBETS_REWRITE_OPEN=1 takes it off the list`;
  return `${key}\n  upstream ${JSON.stringify(recorded[key])}\n  ours     ${JSON.stringify(ours)}`;
}

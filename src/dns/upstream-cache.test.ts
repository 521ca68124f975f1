import { describe, expect, it } from "vitest";
import { createVirtualEnv } from "../base/index.ts";
import type { UpstreamReply } from "./dns.ts";
import { cached } from "./upstream-cache.ts";

function setUp(reply: UpstreamReply | undefined) {
  const { env, clock } = createVirtualEnv();
  const asked: string[] = [];
  const upstream = cached(env, {
    resolve: async ({ name }) => {
      asked.push(name);
      return reply;
    },
  });
  return { clock, asked, ask: (name = "example.com", servers?: { address: string; port: number }[]) => upstream.resolve({ name, type: "A" }, servers) };
}

const found: UpstreamReply = { code: "NOERROR", answers: [{ type: "A", name: "example.com", ttl: 20, data: "192.0.2.1" }], authorities: [] };

describe("answers from outside", () => {
  it("are kept while they live, and grow older", async () => {
    const { clock, asked, ask } = setUp(found);
    await Promise.all([ask(), ask("EXAMPLE.com")]);
    expect(asked).toHaveLength(1);
    await clock.advance(5000);
    expect((await ask())?.answers).toMatchObject([{ ttl: 15 }]);
    await clock.advance(15_000);
    await ask();
    expect(asked).toHaveLength(2);
    await ask("example.com", [{ address: "10.0.0.1", port: 53 }]);
    expect(asked).toHaveLength(3);
  });

  it("are kept for 30 s at most, and what is missing as long as its zone says", async () => {
    const long = setUp({ ...found, answers: [{ type: "A", name: "example.com", ttl: 3600, data: "192.0.2.1" }] });
    await long.ask();
    await long.clock.advance(31_000);
    await long.ask();
    expect(long.asked).toHaveLength(2);
    const missing = setUp({ code: "NXDOMAIN", answers: [], authorities: [{ type: "SOA", name: "com", ttl: 900, data: { minimum: 10 } }] });
    await missing.ask();
    await missing.clock.advance(9000);
    await missing.ask();
    expect(missing.asked).toHaveLength(1);
    await missing.clock.advance(2000);
    await missing.ask();
    expect(missing.asked).toHaveLength(2);
  });

  it("are not kept when there was none", async () => {
    for (const reply of [undefined, { code: "SERVFAIL", answers: [], authorities: [] } as const]) {
      const { asked, ask } = setUp(reply);
      await ask();
      await ask();
      expect(asked).toHaveLength(2);
    }
  });
});

import { expect, it } from "vitest";
import { DomainCounts } from "./domain-counts.ts";
import { NodeInfo } from "./node-info.ts";
import { testNode } from "./testing.ts";

it("counts each key once, until so many others were asked for that it is forgotten", () => {
  const node = new NodeInfo("a");
  node.setNode({ ...testNode("a"), metadata: { name: "a", labels: { zone: "one" } } });
  const counts = new DomainCounts();
  let counted = 0;
  const all = (): [NodeInfo, number][] => {
    counted++;
    return [[node, 2]];
  };
  expect([...counts.of("zone", all)]).toEqual([["one", 2]]);
  counts.add(node, 1);
  expect([...counts.of("zone", all)]).toEqual([["one", 3]]);
  expect(counted).toBe(1);
  for (let other = 0; other < 99; other++) expect(counts.of(`key-${other}`, all).size).toBe(0);
  expect([...counts.of("zone", all)]).toEqual([["one", 3]]);
  for (let other = 0; other < 100; other++) counts.of(`other-${other}`, all);
  expect([...counts.of("zone", all)]).toEqual([["one", 2]]);
});

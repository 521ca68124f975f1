import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Heap } from "./heap.ts";

it("gives its items in order, whatever was taken out or changed in between", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ rank: fc.integer(), later: fc.integer(), fate: fc.constantFrom("stays", "goes", "changes") })), (plan) => {
      const items = plan.map(({ rank, later, fate }) => ({ rank, later, fate }));
      const heap = new Heap<{ rank: number }>((one, other) => one.rank < other.rank);
      for (const item of items) heap.push(item);
      for (const item of items) {
        if (item.fate === "goes") heap.remove(item);
        if (item.fate === "changes") {
          item.rank = item.later;
          heap.update(item);
        }
      }
      const left = items.filter(({ fate }) => fate !== "goes").map(({ rank }) => rank);
      expect(Array.from({ length: heap.size }, () => heap.pop()?.rank)).toEqual(left.sort((a, b) => a - b));
    }),
  );
});

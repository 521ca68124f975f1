import { describe, expect, it } from "vitest";
import { parseNodeLabels, parseTaints } from "./node-flags.ts";

it("reads labels and taints as the kubelet's flags", () => {
  expect(parseNodeLabels("disk=ssd, node.kubernetes.io/instance-type=small,example.com/empty=")).toEqual({
    disk: "ssd",
    "node.kubernetes.io/instance-type": "small",
    "example.com/empty": "",
  });
  expect(parseTaints("dedicated=db:NoSchedule,example.com/gpu:NoExecute")).toEqual([
    { key: "dedicated", value: "db", effect: "NoSchedule" },
    { key: "example.com/gpu", effect: "NoExecute" },
  ]);
  expect([parseNodeLabels(""), parseTaints("")]).toEqual([{}, []]);
});

describe("refuses", () => {
  const cases: [what: string, parse: (text: string) => unknown, text: string][] = [
    ["a label without value sign", parseNodeLabels, "disk"],
    ["a label with two", parseNodeLabels, "a=b=c"],
    ["a label that is not the node's to give", parseNodeLabels, "node-role.kubernetes.io/master=x"],
    ["a malformed label", parseNodeLabels, "-a=b"],
    ["a taint without effect", parseTaints, "a=b"],
    ["a taint with a wrong effect", parseTaints, "a=b:Never"],
  ];
  for (const [what, parse, text] of cases) it(what, () => expect(() => parse(text)).toThrow(text.split(":")[0]?.split("=")[0]));
});

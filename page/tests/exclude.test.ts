import { describe, expect, it } from "vitest";
import type { Axis, Json } from "../src/data/types";
import { entriesOf, excludeBlock } from "../src/marks/exclude";
import { axis, runOf } from "./run_of";

/** An axis whose values are named by what it is given. */
function named(name: string, entries: Json[]): Axis {
  return {
    name,
    label: name,
    values: entries.map((entry) => ({
      title: JSON.stringify(entry),
      text: JSON.stringify(entry),
      number: typeof entry === "number" ? entry : null,
      entry,
    })),
  };
}

const run = runOf({ axes: [named("guider", ["cfg", { apg: { eta: 0 } }]), named("value", [1, 2.5, 3]), named("seed", [7, 8])] });

describe("rejected cells as an exclude block", () => {
  it.each([
    [[0], "  - {guider: cfg, value: 1, seed: 7}\n"],
    [[0, 1], "  - {guider: cfg, value: 1}\n"],
    [[0, 2], "  - {guider: cfg, value: [1, 2.5], seed: 7}\n"],
    [[6, 7, 8, 9, 10, 11], "  - {guider: {apg: {eta: 0}}}\n"],
    [[0, 6], "  - {value: 1, seed: 7}\n"],
    [[0, 11], "  - {guider: cfg, value: 1, seed: 7}\n  - {guider: {apg: {eta: 0}}, value: 3, seed: 8}\n"],
  ])("%j", async (cells, yaml) => {
    expect(excludeBlock(await run, cells)).toEqual({ yaml: `exclude:\n${yaml}` });
  });
  it("matches exactly the rejected cells, whichever they are", async () => {
    const found = await run;
    for (let bits = 1; bits < 2 ** found.size - 1; bits++) {
      const all = [...Array(found.size).keys()];
      const cells = all.filter((cell) => bits & (1 << cell));
      const entries = entriesOf(found, cells);
      const left = all.filter((cell) =>
        entries.some((entry) => [...entry].every(([name, values]) => values.includes(found.value(cell, name)))),
      );
      expect(left).toEqual(cells);
    }
  });
  it("names seeds exactly that JavaScript would round", async () => {
    const seeds = ["1152921504606846976", "1152921504606846977", "5"];
    const values = seeds.map((text) => ({ title: `seed ${text}`, text, number: Number(text), entry: Number(text) }));
    const found = await runOf({ axes: [{ name: "seed", label: "seed", values }] });
    expect(excludeBlock(found, [1])).toEqual({ yaml: "exclude:\n  - {seed: 1152921504606846977}\n" });
    expect(excludeBlock(found, [1, 2])).toEqual({ yaml: "exclude:\n  - {seed: [1152921504606846977, 5]}\n" });
  });
  it("leaves texts as they are, also those that YAML takes for something else", async () => {
    const texts = ["a: {cat} # x", "null", "1", "it's \"q\"", "\u2028 \u0085", "猫 🐈", "no"];
    const found = await runOf({ axes: [named("prompt", [...texts, "other"])] });
    expect(excludeBlock(found, [...texts.keys()])).toEqual({
      yaml:
        'exclude:\n  - {prompt: ["a: {cat} # x", "null", "1", "it\'s \\"q\\"", "\\u2028 \\u0085", "猫 🐈", "no"]}\n',
    });
  });
  it("tells why there is none", async () => {
    const found = await run;
    expect(excludeBlock(found, [])).toEqual({ problem: "No picture is rejected." });
    expect(excludeBlock(found, [...Array(12).keys()])).toHaveProperty("problem");
    const unnamed = await runOf({ axes: [axis("call", ["a=1", "a=1 b=2"])] });
    expect(excludeBlock(unnamed, [0])).toEqual({ problem: "An entry of exclude cannot name “a=1” alone." });
  });
});

import { describe, expect, it } from "vitest";
import { ticksBy } from "../src/shared/ticks";

describe("the numbers at ticks", () => {
  it("have the digits that their step needs", () => {
    expect(ticksBy(0.0025, [0.175, 0.1775, 0.18])).toEqual(["0.1750", "0.1775", "0.1800"]);
    expect(ticksBy(0.5, [-0.5, -0, 0.5])).toEqual(["-0.5", "0.0", "0.5"]);
    expect(ticksBy(25, [75, 100, 125])).toEqual(["75", "100", "125"]);
    expect(ticksBy(2.5, [2.5, 5])).toEqual(["2.5", "5.0"]);
  });
  it("have an exponent where the step is tiny", () => {
    expect(ticksBy(2.5e-8, [0, 2.5e-8, 1.25e-7])).toEqual(["0", "2.5e-8", "1.25e-7"]);
    expect(ticksBy(1e-9, [9e-9, 1e-8])).toEqual(["9e-9", "1.0e-8"]);
  });
});

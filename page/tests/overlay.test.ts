import { describe, expect, it } from "vitest";
import { colourOf, rangeOf, shareOf, textColourOf } from "../src/overlay/scale";
import { changesOf } from "../src/overlay/transitions";
import { axis, runOf } from "./run_of";

describe("the scale of a metric", () => {
  it("is from the least to the largest number", () => {
    expect(rangeOf([3, null, -1, 2])).toEqual({ low: -1, high: 3 });
    expect(rangeOf([null])).toBeNull();
  });
  it("has the best at its upper end", () => {
    const range = { low: 0, high: 4 };
    expect([1, 5, -1].map((value) => shareOf(value, range, true))).toEqual([0.25, 1, 0]);
    expect(shareOf(1, range, null)).toBe(0.25);
    expect(shareOf(1, range, false)).toBe(0.75);
    expect(shareOf(2, { low: 2, high: 2 }, true)).toBe(0.5);
  });
  it("has matplotlib's cividis as colours", () => {
    expect([0, 0.5, 1].map(colourOf)).toEqual(["rgb(0 34 78)", "rgb(125 124 120)", "rgb(254 232 56)"]);
    expect(colourOf(1 / 16)).toBe("rgb(13 45 95)");
  });
  it("has text with a contrast of at least 4.5 to 1 (WCAG AA)", () => {
    for (let share = 0; share <= 1; share += 0.005) expect(contrast(colourOf(share), textColourOf(share))).toBeGreaterThan(4.5);
  });
});

/** Of WCAG, between two colours. */
function contrast(colour: string, text: string): number {
  const [light = 0, dark = 0] = [luminance((colour.match(/\d+/g) ?? []).map(Number)), text === "#000" ? 0 : 1].sort(
    (a, b) => b - a,
  );
  return (light + 0.05) / (dark + 0.05);
}

function luminance(channels: number[]): number {
  const [red = 0, green = 0, blue = 0] = channels.map((one) =>
    one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe("abrupt changes", () => {
  const transition = { axis: "value", after: 1, distance: 0.41234, where: { guider: 0 } };
  const run = runOf({
    axes: [axis("guider", ["cfg", "apg"]), axis("value", [1, 2, 3, 4])],
    head: { transitions: [transition] },
  });
  const none = { rows: ["guider"], columns: ["value"], hidden: {}, hasNeighbours: true };
  it("are after the cell with the value before them, and nowhere else", async () => {
    const found = changesOf(await run, none);
    expect(found(1)).toEqual([
      { side: "right", text: "changes abruptly between value 2 and value 3 (distance 0.4123)" },
    ]);
    expect([0, 2, 3, 4, 5, 6, 7].flatMap(found)).toEqual([]);
  });
  it("are where the axis is in the view", async () => {
    expect(changesOf(await run, { ...none, rows: ["value"], columns: [] })(1)[0]?.side).toBe("bottom");
    expect(changesOf(await run, { ...none, columns: ["value", "guider"], rows: [] })(1)[0]?.side).toBe("aside");
    expect(changesOf(await run, { ...none, hasNeighbours: false })(1)[0]?.side).toBe("aside");
  });
  it("step over hidden values", async () => {
    const found = changesOf(await run, { ...none, hidden: { value: [1, 2] } });
    expect([0, 1, 2, 3].flatMap((cell) => found(cell).map(() => cell))).toEqual([0]);
    for (const value of [[2, 3], [0, 1]])
      expect([0, 1, 2, 3].flatMap(changesOf(await run, { ...none, hidden: { value } }))).toEqual([]);
  });
});

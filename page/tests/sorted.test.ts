import { describe, expect, it } from "vitest";
import { firstOrder, orderOf, sortedCells, sortOf } from "../src/filter/sorted";
import { movedBy, tilesOf } from "../src/filter/tiles";
import { axis, runOf } from "./run_of";

describe("cells in an order", () => {
  const run = runOf({
    axes: [axis("guider", ["cfg", "apg"]), axis("value", [10, 9, 2])],
    fields: { contrast: [3, null, 1, 2, 3, 10], kind: ["b10", "b9", 4, "a", null, "b9"] },
    metrics: [{ name: "contrast", higherIsBetter: true }, { name: "fid", higherIsBetter: false }],
  });
  const by = async (field: string, descending: boolean, cells = [0, 1, 2, 3, 4, 5]) =>
    sortedCells(await run, cells, { field, descending });
  it("has cells without a value at its end, whatever the direction", async () => {
    expect(await by("contrast", false)).toEqual([2, 3, 0, 4, 5, 1]);
    expect(await by("contrast", true)).toEqual([5, 0, 4, 3, 2, 1]);
  });
  it("sorts numbers as numbers, and numbers in texts too", async () => {
    expect(await by("value", false)).toEqual([2, 5, 1, 4, 0, 3]);
    expect(await by("kind", false)).toEqual([2, 3, 1, 5, 0, 4]);
  });
  it("is of the given cells alone", async () => {
    expect(await by("contrast", false, [4, 2])).toEqual([2, 4]);
  });
  it("is written in the address, and has the best of a metric first", async () => {
    expect(orderOf("-contrast", ["contrast"])).toEqual({ field: "contrast", descending: true });
    expect(orderOf("contrast", ["contrast"])).toEqual({ field: "contrast", descending: false });
    expect(orderOf("-a", ["-a"])).toEqual({ field: "-a", descending: false });
    expect(orderOf("gone", ["contrast"])).toBeNull();
    for (const descending of [true, false])
      expect(orderOf(sortOf({ field: "value", descending }), ["value"])).toEqual({ field: "value", descending });
    expect(firstOrder(await run, "contrast").descending).toBe(true);
    expect(firstOrder(await run, "fid").descending).toBe(false);
    expect(firstOrder(await run, "value").descending).toBe(false);
  });
});

describe("tiles", () => {
  const tiles = tilesOf(10, { width: 120, height: 120 }, { width: 520, height: 500 });
  it("wrap at the width of the window", () => {
    expect([tiles.across, tiles.down, tiles.page]).toEqual([4, 3, 2]);
    expect(tilesOf(3, { width: 500, height: 500 }, { width: 100, height: 100 })).toMatchObject({ across: 1, down: 3, page: 1 });
  });
  it.each([
    ["ArrowRight", 3, 4],
    ["ArrowLeft", 0, 0],
    ["ArrowDown", 1, 5],
    ["ArrowDown", 7, 9],
    ["ArrowDown", 8, 8],
    ["ArrowUp", 2, 2],
    ["ArrowUp", 6, 2],
    ["PageDown", 0, 8],
    ["PageUp", 9, 1],
    ["Home", 7, 0],
    ["End", 2, 9],
    ["Enter", 2, null],
  ])("%s at %i leads to %s", (key, from, to) => {
    expect(movedBy(key, from, tiles, 10)).toBe(to);
  });
});

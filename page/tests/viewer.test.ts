import { describe, expect, it } from "vitest";
import { fromHash, toHash } from "../src/state/address";
import type { Run } from "../src/data/run";
import { FIRST_LARGE } from "../src/state/large";
import { firstView } from "../src/state/view";
import { isOwnKey } from "../src/viewer/commands";
import { halves, isEnlarged, nextScale, shownSize } from "../src/viewer/layout";
import { settingsOf, titleOf } from "../src/viewer/settings";
import { cellsAlong, lineOf, nextCell } from "../src/viewer/steps";
import { axis, runOf } from "./run_of";

const AXES = [axis("guider", ["cfg", "apg"]), axis("value", [1, 2, 3]), axis("seed", [0, 1])];
const run = await runOf({ axes: AXES });
const all = (): boolean => true;

/** A run with these numbers of values, whose `value` follows its `guider`. */
function zippedRun(axes: Record<string, number[]>): Promise<Run> {
  const follows = { ...axis("value", [2, 3]), follows: "guider" };
  const described = [axis("guider", ["cfg", "cfg_zero", "apg"]), follows, axis("seed", [1, 2])];
  window.cfgsweepPage("zipped.js", { ids: (axes.seed ?? []).map((_, cell) => `c${cell}`), axes, described });
  return runOf({ axes: [], head: { plan: "zipped.js" } });
}

describe("the next cell", () => {
  it("is the one with the next value of an axis and the same of others", () => {
    expect(nextCell(run, 0, ["value"], 1, all)).toBe(2);
    expect(nextCell(run, 7, ["value"], 1, all)).toBe(9);
    expect(nextCell(run, 7, ["guider"], -1, all)).toBe(1);
  });
  it("of several axes is that of the heading beside it, the last axis fastest", () => {
    expect(nextCell(run, 0, ["value", "seed"], 1, all)).toBe(1);
    expect(nextCell(run, 1, ["value", "seed"], 1, all)).toBe(2);
    expect(nextCell(run, 1, ["seed", "value"], -1, all)).toBe(4);
  });
  it("ends at the last one, or goes around", () => {
    expect(nextCell(run, 4, ["value"], 1, all)).toBeNull();
    expect(nextCell(run, 4, ["value"], 1, all, true)).toBe(0);
    expect(nextCell(run, 0, ["value"], -1, all, true)).toBe(4);
    expect(nextCell(run, 0, [], 1, all, true)).toBeNull();
  });
  it("is beyond those that are not shown", () => {
    expect(nextCell(run, 0, ["value"], 1, (cell) => cell !== 2)).toBe(4);
    expect(nextCell(run, 0, ["value"], 1, () => false, true)).toBeNull();
  });
  it("is found by the value of an axis", () => {
    expect(cellsAlong(run, 1, "value").get(2)).toBe(5);
    expect(cellsAlong(run, 1, "guider").get(1)).toBe(7);
  });
});

describe("steps where an axis follows another one", () => {
  // As of `guider: [cfg, cfg_zero, apg]` and `value: [2, 3, 2]`, zipped, and two seeds.
  const zipped = zippedRun({ guider: [0, 0, 1, 1, 2, 2], value: [0, 0, 1, 1, 0, 0], seed: [0, 1, 0, 1, 0, 1] });
  it("change its value with that of the other", async () => {
    const found = await zipped;
    expect(nextCell(found, 0, ["guider"], 1, all)).toBe(2);
    expect(nextCell(found, 2, ["guider"], 1, all)).toBe(4);
    expect(nextCell(found, 5, ["guider", "value"], -1, all)).toBe(3);
    expect(nextCell(found, 4, ["guider"], 1, all, true)).toBe(0);
    expect(cellsAlong(found, 1, "guider").get(2)).toBe(5);
  });
  it("go along it in the order of its values, and through all that have the same", async () => {
    const found = await zipped;
    expect(lineOf(found, 2, ["value"])).toEqual([0, 4, 2]);
    expect(lineOf(found, 3, ["value", "guider"])).toEqual([1, 5, 3]);
    expect(cellsAlong(found, 3, "value").get(0)).toBe(1);
  });
  it("leave all others as they are", async () => {
    const found = await zipped;
    expect(nextCell(found, 2, ["seed"], 1, all)).toBe(3);
    expect(nextCell(found, 3, ["seed"], 1, all)).toBeNull();
  });
});

it("tells in which settings two cells differ", () => {
  expect(settingsOf(run, 0, 8).filter((setting) => setting.differs).map((setting) => setting.title)).toEqual([
    "cfg",
    "value 1",
  ]);
  expect(settingsOf(run, 0, null).some((setting) => setting.differs)).toBe(false);
  expect(titleOf(run, 8)).toBe("apg · value 2 · seed 0");
});

describe("the size of a picture", () => {
  const picture = { width: 64, height: 32 };
  it("is the largest that fits, in whole pixels", () => {
    expect(shownSize(picture, { width: 201, height: 1000 }, 0, 1)).toEqual({ width: 201, height: 100 });
    expect(shownSize(picture, { width: 1000, height: 10 }, 0, 2)).toEqual({ width: 20, height: 10 });
    expect(shownSize(picture, { width: 0, height: 0 }, 0, 1)).toEqual({ width: 1, height: 1 });
  });
  it("is by device pixels", () => {
    expect(shownSize(picture, { width: 1, height: 1 }, 3, 1.5)).toEqual({ width: 128, height: 64 });
    expect(isEnlarged(picture, { width: 64, height: 32 }, 1)).toBe(true);
    expect(isEnlarged(picture, { width: 63, height: 31 }, 1)).toBe(false);
    expect(isEnlarged(picture, { width: 32, height: 16 }, 2)).toBe(true);
  });
  it("is larger one above the other where places are high", () => {
    expect(halves({ width: 208, height: 100 }, picture, 8)).toEqual({ place: { width: 100, height: 100 }, isRow: true });
    expect(halves({ width: 100, height: 208 }, picture, 8)).toEqual({ place: { width: 100, height: 100 }, isRow: false });
  });
  it("has scales in turn", () => {
    const scales = [1, 2, 4];
    expect([0, 1, 4].map((scale) => nextScale(scale, 1, scales))).toEqual([1, 2, 4]);
    expect([0, 1, 4].map((scale) => nextScale(scale, -1, scales))).toEqual([0, 0, 2]);
  });
});

describe("the large view's part of the address", () => {
  const first = firstView(run);
  it("is read as it was written", () => {
    const large = { scale: 4, gain: 16, split: 12.5, previews: true, control: true, panel: false, axis: "seed" };
    const shown = { ...first, open: "c1", pinned: "c2", compare: "wipe" as const, large };
    expect(fromHash(toHash(shown, first), run)).toEqual(shown);
  });
  it("is not there where nothing is chosen, and wrong values are left out", () => {
    expect(toHash(first, first)).toBe("");
    const wrong = "large.scale=3&large.gain=x&large.split=101&large.previews=yes&large.panel=&large.axis=none";
    expect(fromHash(wrong, run).large).toEqual(FIRST_LARGE);
  });
});

it("leaves keys to elements that use them", () => {
  const element = (tag: string, properties: object = {}) => Object.assign(document.createElement(tag), properties);
  const range = element("input", { type: "range" });
  expect([isOwnKey(range, "ArrowLeft"), isOwnKey(range, "w")]).toEqual([true, false]);
  expect([isOwnKey(element("select"), "w"), isOwnKey(element("textarea"), "ArrowUp")]).toEqual([true, true]);
  expect([isOwnKey(element("button"), " "), isOwnKey(element("button"), "ArrowUp")]).toEqual([true, false]);
  const panel = element("aside", { className: "panel" });
  expect([isOwnKey(panel, "ArrowDown"), isOwnKey(panel, "ArrowRight"), isOwnKey(panel, " ")]).toEqual([true, false, true]);
  expect(isOwnKey(element("div"), " ")).toBe(false);
});

import { describe, expect, it } from "vitest";
import type { PhaseMap } from "../src/data/types";
import { beside, kindsOf, pathOf, placeOf, PLANE, settingsAt, ticksOf } from "../src/plots/map";

const MAP: PhaseMap = {
  title: "seed 0",
  across: { name: "value", label: "guidance scale", low: 1, high: 3, tolerance: 0.1 },
  up: { name: "guider.apg.eta", label: "apg eta", low: 0, high: 0.5, tolerance: 0.1 },
  points: [
    { cell: 0, x: 1, y: 0, kind: 1 },
    { cell: 1, x: 3, y: 0.5, kind: 0 },
  ],
  areas: [
    { left: 1, right: 2, bottom: 0, top: 0.5, kind: 1 },
    { left: 2, right: 3, bottom: 0, top: 0.5, kind: null },
  ],
  typical: [1, 0],
};

describe("a phase map", () => {
  it("has its low ends at the left and the bottom", () => {
    const bottom = PLANE.top + PLANE.height;
    expect(placeOf(MAP, 1, 0)).toEqual({ left: PLANE.left, top: bottom });
    expect(placeOf(MAP, 3, 0.5)).toEqual({ left: PLANE.left + PLANE.width, top: PLANE.top });
    expect(ticksOf(MAP.across)).toEqual([1, 1.5, 2, 2.5, 3]);
  });
  it("has a region for each kind, and boundaries apart from them", () => {
    const half = PLANE.width / 2;
    expect(kindsOf(MAP)).toEqual([0, 1]);
    expect(pathOf(MAP, 0)).toBe("");
    expect(pathOf(MAP, 1)).toBe(`M${PLANE.left} ${PLANE.top}h${half}v${PLANE.height}h-${half}z`);
    expect(pathOf(MAP, null)).toBe(`M${PLANE.left + half} ${PLANE.top}h${half}v${PLANE.height}h-${half}z`);
  });
  it("names settings", () => {
    expect(MAP.points.map((point) => settingsAt(MAP, point))).toEqual([
      "guidance scale 1, apg eta 0",
      "guidance scale 3, apg eta 0.5",
    ]);
  });
});

describe("arrows on a map", () => {
  const places = [[0, 0], [10, 2], [20, 0], [0, 30], [11, 31]].map(([left = 0, top = 0]) => ({ left, top }));
  it.each([
    ["ArrowRight", 0, 1],
    ["ArrowLeft", 2, 1],
    ["ArrowDown", 1, 4],
    ["ArrowUp", 3, 0],
    ["ArrowUp", 0, 0],
    ["ArrowRight", -1, 0],
    ["a", 0, null],
  ])("%s at %i leads to %s", (key, from, to) => {
    expect(beside(places, from, key)).toBe(to);
  });
});

import { describe, expect, it } from "vitest";
import type { Axis, Plan } from "../src/data/types";
import { moved } from "../src/grid/move";
import { arrange, cellAt, fixedValue, placeOf } from "../src/grid/pivot";
import { slotsOf } from "../src/grid/slots";
import { placed, swapped } from "../src/controls/place";
import { hideValue, showOnly, showValue } from "../src/controls/hidden";
import { fittingZoom, linesInWindow, needsPicture, zoomed } from "../src/grid/geometry";
import { stepped } from "../src/controls/play";
import { headingSizes } from "../src/grid/measure";
import { withoutHidden } from "../src/state/hidden";
import { slidersOf } from "../src/state/sliders";

const axis = (name: string, size: number): Axis => ({
  name,
  label: name,
  values: Array.from({ length: size }, (_, k) => ({ title: `${name} ${k}`, text: String(k), number: k })),
});
const AXES = [axis("a", 2), axis("b", 3), axis("c", 2)];
/** cell = 6 a + 2 b + c */
const PLAN: Plan = {
  ids: Array.from({ length: 12 }, (_, cell) => `id${cell}`),
  axes: {
    a: Array.from({ length: 12 }, (_, cell) => Math.floor(cell / 6)),
    b: Array.from({ length: 12 }, (_, cell) => Math.floor(cell / 2) % 3),
    c: Array.from({ length: 12 }, (_, cell) => cell % 2),
  },
  described: AXES,
};
const ALL = Array.from({ length: 12 }, (_, cell) => cell);
const VIEW = { rows: ["a"], columns: ["b"], inside: [], fixed: {}, hidden: {} };
const at = (row: number, column: number, inside = 0) => ({ row, column, inside });

describe("arrange", () => {
  it("puts every cell at its values, and takes the value of a slider", () => {
    const pivot = arrange(AXES, PLAN, ALL, { ...VIEW, fixed: { c: 1 } });
    expect([0, 1].map((row) => [0, 1, 2].map((column) => cellAt(pivot, at(row, column))))).toEqual([
      [1, 3, 5],
      [7, 9, 11],
    ]);
    expect(placeOf(pivot, 9)).toEqual(at(1, 1));
    expect(placeOf(pivot, 8)).toBeNull();
  });

  it("has no slider for an axis whose value another one decides", () => {
    const plan = { ...PLAN, axes: { ...PLAN.axes, c: PLAN.axes.a ?? [] } };
    const axes = [axis("a", 2), axis("b", 3), { ...axis("c", 2), follows: "a" }];
    const cells = [0, 2, 4, 6, 8, 10];
    expect(slidersOf(axes, VIEW)).toEqual([]);
    expect(arrange(axes, plan, cells, { ...VIEW, fixed: { c: 0 } }).cells.size).toBe(6);
    expect(arrange(axes, plan, cells, { ...VIEW, hidden: { c: [0] } }).cells.size).toBe(3);
  });

  it("nests axes, with one heading over lines that share a value", () => {
    const pivot = arrange(AXES, PLAN, ALL, { ...VIEW, rows: ["c", "a"] });
    expect(pivot.rows.lines).toEqual([[0, 0], [0, 1], [1, 0], [1, 1]]);
    expect(pivot.rows.groups[0]).toEqual([{ start: 0, span: 2, value: 0 }, { start: 2, span: 2, value: 1 }]);
    expect(pivot.rows.groups[1]?.map((group) => group.value)).toEqual([0, 1, 0, 1]);
    expect(cellAt(pivot, at(2, 1))).toBe(3);
  });

  it("puts the values of an axis inside cells", () => {
    const pivot = arrange(AXES, PLAN, ALL, { ...VIEW, inside: ["c"] });
    expect([0, 1].map((inside) => cellAt(pivot, at(1, 2, inside)))).toEqual([10, 11]);
  });

  it("leaves hidden values and filtered cells out, and lines without cells", () => {
    const pivot = arrange(AXES, PLAN, ALL.filter((cell) => cell < 6), { ...VIEW, hidden: { b: [1] } });
    expect(pivot.rows.lines).toEqual([[0]]);
    expect(pivot.columns.lines).toEqual([[0], [2]]);
    expect(cellAt(pivot, at(0, 1))).toBe(4);
  });

  it("keeps the lines when a slider has no cell for them", () => {
    const pivot = arrange(AXES, PLAN, [0, 3], VIEW);
    expect(pivot.columns.lines).toEqual([[0], [1]]);
    expect(cellAt(pivot, at(0, 1))).toBeUndefined();
  });

  it("shows the first value that is not hidden where the slider's is", () => {
    expect(fixedValue(AXES[1] ?? axis("b", 3), { fixed: { b: 0 }, hidden: { b: [0] } })).toBe(1);
  });
});

describe("moved", () => {
  const pivot = arrange(AXES, PLAN, ALL, { ...VIEW, rows: ["c", "a"] });
  const press = (from: ReturnType<typeof at>, key: string, ctrlKey = false) => moved(pivot, from, { key, ctrlKey, page: 2 });

  it("goes to the next cell, the headings and the edges", () => {
    expect(press(at(0, 0), "ArrowRight")).toEqual(at(0, 1));
    expect(press(at(0, 2), "ArrowRight")).toEqual(at(0, 2));
    expect(press(at(0, 0), "ArrowUp")).toEqual(at(-1, 0));
    expect(press(at(3, 0), "ArrowLeft")).toEqual(at(3, -1));
    expect(press(at(3, -1), "ArrowLeft")).toEqual(at(2, -2));
    expect(press(at(1, 1), "Home")).toEqual(at(0, -2));
    expect(press(at(1, 0), "End")).toEqual(at(1, 2));
    expect(press(at(1, 1), "Home", true)).toEqual(at(0, 0));
    expect(press(at(1, 1), "End", true)).toEqual(at(3, 2));
    expect(press(at(0, 1), "PageDown")).toEqual(at(2, 1));
    expect(press(at(1, 1), "PageUp")).toEqual(at(0, 1));
    expect(press(at(1, 1), "a")).toBeNull();
  });

  it("goes from one heading of an outer axis to the next", () => {
    expect(press(at(0, -2), "ArrowDown")).toEqual(at(2, -2));
    expect(press(at(2, -2), "ArrowUp")).toEqual(at(0, -2));
  });

  it("goes through the pictures of a cell", () => {
    const mosaic = arrange(AXES, PLAN, ALL, { ...VIEW, inside: ["c"] });
    const key = (from: ReturnType<typeof at>, name: string) => moved(mosaic, from, { key: name, ctrlKey: false, page: 1 });
    expect(key(at(0, 0, 0), "ArrowRight")).toEqual(at(0, 0, 1));
    expect(key(at(0, 0, 1), "ArrowRight")).toEqual(at(0, 1, 0));
    expect(key(at(0, 1, 0), "ArrowLeft")).toEqual(at(0, 0, 1));
    expect(key(at(0, 2, 1), "ArrowRight")).toEqual(at(0, 2, 1));
  });
});

describe("the choice of axes", () => {
  it("changes places with an axis that was elsewhere, and makes a slider of one that was nowhere else", () => {
    const view = { rows: ["a"], columns: ["b"], inside: [] };
    expect(placed(view, "rows", 0, "b")).toEqual({ rows: ["b"], columns: ["a"], inside: [] });
    expect(placed(view, "rows", 0, "c")).toEqual({ rows: ["c"], columns: ["b"], inside: [] });
    expect(placed(view, "rows", 1, "b")).toEqual({ rows: ["a", "b"], columns: [], inside: [] });
    expect(placed(view, "columns", 0, null)).toEqual({ rows: ["a"], columns: [], inside: [] });
    expect(swapped(view)).toEqual({ rows: ["b"], columns: ["a"], inside: [] });
  });

  it("hides values, but never the last one", () => {
    const two = axis("a", 2);
    expect(hideValue(two, 1, {})).toEqual({ a: [1] });
    expect(hideValue(two, 0, { a: [1] })).toEqual({ a: [1] });
    expect(showValue(two, 1, { a: [1] })).toEqual({ a: [] });
    expect(showOnly(axis("b", 3), 1, {})).toEqual({ b: [0, 2] });
  });

  it("plays from the last value to the first, without hidden ones", () => {
    expect(stepped(axis("b", 3), { fixed: { b: 2 }, hidden: {} }, 1)).toBe(0);
    expect(stepped(axis("b", 3), { fixed: { b: 0 }, hidden: { b: [1] } }, 1)).toBe(2);
  });
});

describe("sizes", () => {
  it("fits the whole grid into the window", () => {
    const picture = { width: 512, height: 256 };
    expect(fittingZoom(picture, { width: 1000, height: 1000 }, 2, 10, 1)).toBe(96);
    expect(fittingZoom(picture, { width: 10, height: 10 }, 2, 10, 1)).toBe(32);
  });

  it("takes the picture where a thumbnail has too few pixels", () => {
    expect(needsPicture({ width: 512, height: 512 }, 128)).toBe(false);
    expect(needsPicture({ width: 512, height: 512 }, 129)).toBe(true);
    expect(needsPicture({ width: 64, height: 64 }, 64)).toBe(true);
  });

  it("zooms by a quarter octave within its bounds", () => {
    expect(zoomed(128, 4)).toBe(256);
    expect(zoomed(32, -1)).toBe(32);
  });

  it("knows the lines in the window", () => {
    expect(linesInWindow(150, 100, 100, 9)).toEqual([1, 2]);
    expect(linesInWindow(800, 300, 100, 9)).toEqual([8]);
  });

  it("uses the elements of lines that have gone again", () => {
    const first = slotsOf([0, 1, 2], new Map());
    const second = slotsOf([1, 2, 3], first);
    expect([...second]).toEqual([[1, 1], [2, 2], [3, 0]]);
  });
});

describe("values that are hidden", () => {
  it("leave cells out, but not all of an axis", () => {
    expect(withoutHidden(ALL, PLAN, AXES, { a: [0], c: [0, 1] })).toEqual([6, 7, 8, 9, 10, 11]);
    expect(withoutHidden(ALL, PLAN, AXES, { a: [] })).toBe(ALL);
  });
});

describe("headings", () => {
  it("can be those of very many columns", () => {
    const none = { axes: [], lines: [[]], groups: [] };
    const groups = [Array.from({ length: 200_000 }, (_, start) => ({ start, span: 1, value: 0 }))];
    const pivot = { ...arrange(AXES, PLAN, ALL, VIEW), rows: none, columns: { axes: [axis("a", 2)], lines: [], groups } };
    expect(headingSizes(pivot, { width: 36, height: 36 }, { width: 1000, height: 800 }).heights.length).toBe(1);
  });
});

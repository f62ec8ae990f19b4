import { describe, expect, it } from "vitest";
import { stepped } from "../src/plots/keys";
import { lookOf, outlineOf } from "../src/plots/shapes";
import { acrossNames, axesOver, categoriesOf, curveOf, frontOf, frontProblem, nearest, pointsOf } from "../src/plots/points";
import { firstPlot, plotFromHash, plotToHash } from "../src/state/plot";
import { axis, runOf } from "./run_of";

const METRICS = [
  { name: "adherence", higherIsBetter: true },
  { name: "fid", higherIsBetter: false },
  { name: "contrast", higherIsBetter: null },
];
const run = runOf({
  axes: [axis("guider", ["cfg", "apg"]), axis("value", [2, 1]), axis("seed", [1, 2])],
  fields: { adherence: [1, 3, 5, 7, 2, 4, 6, null], fid: [1, 1, 9, 9, 4, 2, 8, 8], contrast: [0, 0, 0, 0, 0, 0, 0, 0] },
  metrics: METRICS,
});
const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const OVER_VALUE = { x: "value", y: "adherence", by: "guider", means: false };

describe("points", () => {
  it("are the cells with both numbers, from left to right", async () => {
    const points = pointsOf(await run, ALL, OVER_VALUE);
    expect(points.map(({ cells }) => cells[0])).toEqual([2, 6, 3, 0, 4, 1, 5]);
    expect(points[0]).toEqual({ x: 1, y: 5, cells: [2], group: 0 });
    expect(points[1]).toEqual({ x: 1, y: 6, cells: [6], group: 1 });
  });
  it("are means over seeds where that is chosen", async () => {
    const points = pointsOf(await run, ALL, { ...OVER_VALUE, means: true });
    expect(points).toEqual([
      { x: 1, y: 6, cells: [2, 3], group: 0 },
      { x: 1, y: 6, cells: [6], group: 1 },
      { x: 2, y: 2, cells: [0, 1], group: 0 },
      { x: 2, y: 3, cells: [4, 5], group: 1 },
    ]);
  });
  it("have a curve for each group, through the means at every x", async () => {
    const points = pointsOf(await run, ALL, OVER_VALUE);
    expect(curveOf(points, 0)).toEqual([6, null, null, 2, null, null, null]);
    expect(curveOf(points, 1)).toEqual([6, null, null, 3, null, null, null]);
  });
  it("are found by the place of the pointer", () => {
    const places = [10, 50, 90].map((left) => ({ left, top: 100 }));
    expect(nearest(places, { left: 52, top: 98 }, 20)).toBe(1);
    expect(nearest(places, { left: 52, top: 60 }, 20)).toBe(-1);
  });
  it("have an axis of names across, at the numbers of its values", async () => {
    const found = await run;
    expect(categoriesOf(found, "guider")).toEqual(["cfg", "apg"]);
    expect(categoriesOf(found, "value")).toBeNull();
    const points = pointsOf(found, ALL, { x: "guider", y: "adherence", by: "value", means: true });
    expect(points.map(({ x, y, cells }) => [x, y, cells])).toEqual([
      [0, 2, [0, 1]],
      [0, 6, [2, 3]],
      [1, 3, [4, 5]],
      [1, 6, [6]],
    ]);
  });
  it("are no means over what is shown itself", async () => {
    const found = await run;
    const points = pointsOf(found, [0, 1, 4, 5], { x: "seed", y: "adherence", by: "", means: true });
    expect(points.map(({ x, cells }) => [x, cells])).toEqual([[1, [0]], [1, [4]], [2, [1]], [2, [5]]]);
    expect(axesOver(found, ["seed"])).toEqual([]);
  });
});

describe("the Pareto front", () => {
  const chosen = { x: "adherence", y: "fid", by: "", means: false };
  const frontFrom = async (x: string, y: string) => {
    const found = await run;
    const view = { ...chosen, x, y };
    const front = frontOf(found, pointsOf(found, ALL, view), view);
    return front && [...front].flatMap(({ cells }) => cells).sort((a, b) => a - b);
  };
  it("has the points than which none is better in one metric and at least as good in the other", async () => {
    // (adherence, fid): (1,1) (3,1) (5,9) (7,9) (2,4) (4,2) (6,8)
    expect(await frontFrom("adherence", "fid")).toEqual([1, 3, 5, 6]);
    expect(await frontFrom("fid", "adherence")).toEqual([1, 3, 5, 6]);
  });
  it("has all of several equal points", async () => {
    const equal = await runOf({
      axes: [axis("seed", [1, 2, 3])],
      fields: { adherence: [1, 1, 1], fid: [2, 2, 3] },
      metrics: METRICS,
    });
    const front = frontOf(equal, pointsOf(equal, [0, 1, 2], chosen), chosen);
    expect([...(front ?? [])].flatMap(({ cells }) => cells)).toEqual([0, 1]);
  });
  it("is not there where it is not known whether higher is better", async () => {
    expect(await frontFrom("contrast", "fid")).toBeNull();
    expect(await frontFrom("value", "fid")).toBeNull();
  });
  it("or else it is said why there is none", async () => {
    const found = await run;
    const problem = (x: string, y: string) => frontProblem(found, { ...chosen, x, y });
    expect(problem("adherence", "fid")).toBeNull();
    expect(problem("contrast", "fid")).toContain("whether a higher contrast is better");
    expect(problem("value", "fid")).toContain("choose one across as well");
    expect(problem("fid", "fid")).toContain("both are the same");
  });
});

describe("the choice of a plot", () => {
  it("has axes and metrics across", async () => {
    expect(acrossNames(await run)).toEqual(["value", "guider", "seed", "adherence", "fid", "contrast"]);
  });
  it("is first a metric over the guidance scale, a curve for each guider", async () => {
    const found = await run;
    expect(firstPlot(found, acrossNames(found), undefined)).toEqual(OVER_VALUE);
    expect(firstPlot(found, ["seed"], "fid")).toEqual({ x: "seed", y: "fid", by: "guider", means: false });
  });
  it("is in the address", async () => {
    const found = await run;
    for (const plot of [OVER_VALUE, { x: "fid", y: "adherence", by: "", means: true }, null]) {
      const parts = new URLSearchParams();
      plotToHash(plot, parts);
      expect(plotFromHash(new URLSearchParams(parts.toString()), found)).toEqual(plot);
    }
    expect(plotFromHash(new URLSearchParams("plot.x=gone&plot.y=fid"), found)).toBeNull();
    expect(plotFromHash(new URLSearchParams("plot.x=value&plot.y=guider"), found)).toBeNull();
  });
});

describe("keys", () => {
  const upwards = [2, 0, 1];
  it.each([
    ["ArrowRight", -1, 0],
    ["ArrowRight", 2, 2],
    ["ArrowLeft", 1, 0],
    ["ArrowUp", 0, 1],
    ["ArrowDown", 0, 2],
    ["ArrowUp", -1, 0],
    ["ArrowUp", 1, 1],
    ["Home", 2, 0],
    ["End", 0, 2],
    ["a", 0, null],
  ])("%s at %i leads to %s", (key, from, to) => {
    expect(stepped(key, from, upwards)).toBe(to);
  });
});

describe("the looks of values", () => {
  it("are 48 different ones, with and without the dashes of curves", () => {
    const looks = Array.from({ length: 48 }, (_, value) => lookOf(value));
    expect(new Set(looks.map(({ colour, shape }) => `${colour} ${outlineOf(shape, 0, 0, 4)}`)).size).toBe(48);
    expect(new Set(looks.map(({ colour, dash }) => `${colour} ${dash.join()}`)).size).toBe(48);
  });
});

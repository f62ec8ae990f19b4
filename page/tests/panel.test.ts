import { describe, expect, it } from "vitest";
import type { Detail } from "../src/data/types";
import { alignedColumns, chartsOf } from "../src/panel/curves";
import { fieldsOf } from "../src/panel/fields";
import { digits } from "../src/shared/digits";

function detailOf(schedule: number[] | null, diagnostics: Record<string, (number | null)[]> | null): Detail {
  return { record: {}, schedule, diagnostics, hasPreviews: false, copies: {} };
}

describe("the charts of a cell", () => {
  it("have numbers of a kind together, in a fixed order", () => {
    const diagnostics = {
      sigma: [2, 1],
      scale: [3, 3],
      cond_norm: [4, 4],
      uncond_norm: [4, 5],
      cosine: [1, 1],
      effective_scale: [3, 3],
      off_direction: [0, 0],
      x0_beyond: [0, 0.1],
    };
    const charts = chartsOf(detailOf([3, 3], diagnostics), null);
    expect(charts.map((chart) => [chart.title, chart.curves.map((curve) => curve.name)])).toEqual([
      ["Guidance scale", ["schedule", "effective scale"]],
      ["Norms", ["cond norm", "uncond norm"]],
      ["Cosine of cond and uncond", ["cosine"]],
      ["Saturation", ["x0 beyond"]],
      ["Noise level", ["sigma"]],
      ["off direction", ["off direction"]],
    ]);
    expect(charts.every((chart) => chart.unit === "step")).toBe(true);
  });
  it("tell calls of the denoiser from steps where there are more", () => {
    const charts = chartsOf(detailOf([3, 3], { scale: [3, 3, 3], sigma: [3, 2, 1] }), null);
    expect(charts.map((chart) => [chart.title, chart.unit, chart.curves.map((curve) => curve.name)])).toEqual([
      ["Guidance scale", "step", ["schedule"]],
      ["Guidance scale", "call", ["scale"]],
      ["Noise level", "call", ["sigma"]],
    ]);
  });
  it("have none where nothing is known", () => expect(chartsOf(detailOf(null, null), null)).toEqual([]));
  it("have the reference's curves beside them, as long as the longer ones", () => {
    const [chart] = chartsOf(detailOf(null, { sigma: [2, null] }), detailOf(null, { sigma: [5, 6, 7] }));
    expect(chart && alignedColumns(chart)).toEqual([
      [1, 2, 3],
      [2, null, null],
      [5, 6, 7],
    ]);
  });
});

it("writes numbers with four digits, and whole numbers whole", () => {
  expect([1.23456, 0, 1e-9, 999.96, 12345.6, null, undefined].map(digits)).toEqual(
    ["1.235", "0", "1e-9", "1000", "12346", "–", "–"],
  );
  expect([123456, 4294967295, -20000].map(digits)).toEqual(["123456", "4294967295", "-20000"]);
});

it("lists nested fields of records by their whole names", () => {
  expect(fieldsOf({ id: "a", guider: { apg: { eta: 0 }, none: {} }, size: [1, 2], none: null })).toEqual([
    { name: "id", text: "a" },
    { name: "guider.apg.eta", text: "0" },
    { name: "guider.none", text: "{}" },
    { name: "size", text: "[1,2]" },
    { name: "none", text: "null" },
  ]);
});

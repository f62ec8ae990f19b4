import { describe, expect, it, vi } from "vitest";
import { changeFilter, fixedFor } from "../src/filter/change";
import { hasFlag, parseFilter, withFlag } from "../src/filter/conditions";
import { filterNames } from "../src/filter/fields";
import { suggestions } from "../src/filter/suggest";
import { unmet } from "../src/filter/unmet";
import { visible, visibleCells } from "../src/filter/visible";
import { NO_MARKS } from "../src/marks/store";
import { run as shownRun } from "../src/state/view";
import { axis, runOf } from "./run_of";

const FIELDS = ["guider", "value", "seed", "contrast", "prompt"];
const errorOf = (text: string) => {
  const parsed = parseFilter(text, FIELDS);
  return "error" in parsed ? parsed.error : null;
};

describe("the text of a filter", () => {
  it("has several conditions, and values with commas", () => {
    expect(parseFilter("guider=tnorm,fullnorm; value<0.2;", FIELDS)).toEqual({
      conditions: [
        { negated: false, field: "guider", sign: "=", wanted: ["tnorm,fullnorm", "tnorm", "fullnorm"] },
        { negated: false, field: "value", sign: "<", wanted: 0.2 },
      ],
    });
  });
  it("keeps what is in quotes", () => {
    expect(parseFilter('prompt="a; b, c"', FIELDS)).toEqual({
      conditions: [{ negated: false, field: "prompt", sign: "=", wanted: ["a; b, c"] }],
    });
    expect(parseFilter('prompt="a, b",c', FIELDS)).toMatchObject({ conditions: [{ wanted: ['"a, b",c', "a, b", "c"] }] });
  });
  it("knows fields with spaces and signs in their names", () => {
    const fields = [...FIELDS, "clip score", "clip score=a<b", "a; b", "contrast ratio"];
    const fieldOf = (text: string) => {
      const parsed = parseFilter(text, fields);
      return "error" in parsed ? parsed.error : parsed.conditions.map((one) => ("field" in one ? [one.field, one.sign, one.wanted] : one.flag));
    };
    expect(fieldOf("clip score>0.2; not clip score=a<b <= 3")).toEqual([["clip score", ">", 0.2], ["clip score=a<b", "<=", 3]]);
    expect(fieldOf("clip score=a")).toEqual([["clip score", "=", ["a"]]]);
    expect(fieldOf('"a; b"=3; contrast ratio<1; contrast<1')).toEqual([["a; b", "=", ["3"]], ["contrast ratio", "<", 1], ["contrast", "<", 1]]);
    expect(fieldOf("clip score!=1")).toBe("There is no sign !=. Write “not clip score=1”");
  });
  it("knows states and marks, and the opposite of each", () => {
    expect(parseFilter("not rejected; done; not value>=2", FIELDS)).toEqual({
      conditions: [
        { negated: true, flag: "rejected" },
        { negated: false, flag: "done" },
        { negated: true, field: "value", sign: ">=", wanted: 2 },
      ],
    });
  });
  it("is told what is wrong with it, and what was probably meant", () => {
    expect(errorOf("contrst>1")).toBe("There is no field “contrst”. Did you mean contrast?");
    expect(errorOf("zzz=1")).toContain("Fields: guider, value");
    expect(errorOf("rejectd")).toContain("Did you mean rejected?");
    expect(errorOf("value<a")).toBe("value< needs a number, not “a”");
    expect(errorOf("value=")).toBe("value: a value is missing after =");
    expect(errorOf("value")).toContain("value=…");
    expect(errorOf("done; guider=cfg")).toBeNull();
  });
  it("takes and loses a flag, its other conditions stay", () => {
    const filter = withFlag('prompt="a; b";value<2', "done", true);
    expect(filter).toBe('prompt="a; b"; value<2; done');
    expect(hasFlag(filter, "done")).toBe(true);
    expect(withFlag(filter, "done", false)).toBe('prompt="a; b"; value<2');
    expect(withFlag("not done", "done", true)).toBe("done");
  });
});

describe("the cells that a filter leaves", () => {
  const run = runOf({
    axes: [axis("guider", ["cfg", "apg eta=0"]), axis("value", [0.1, 0.2, 3])],
    fields: { contrast: [1, 2, null, 4, 5, 6], value: [9, 9, 9, 9, 9, 9], kind: ["a", "b", "a", "a, b", "true", true] },
    waiting: [2],
    reasons: { 3: "no memory" },
  });
  const left = async (text: string, marks = NO_MARKS) => {
    const found = await run;
    const parsed = parseFilter(text, ["guider", "value", "contrast", "kind"]);
    if ("error" in parsed) throw new Error(parsed.error);
    return visibleCells(found, parsed.conditions, marks);
  };
  it.each([
    ["", [0, 1, 2, 3, 4, 5]],
    ["guider=apg", [3, 4, 5]],
    ["guider=apg eta=0", [3, 4, 5]],
    ["guider=ap", []],
    ["value=0.10,3", [0, 2, 3, 5]],
    ["value<=0.2; guider=cfg", [0, 1]],
    ["value=value 3", [2, 5]],
    ["contrast>1; not contrast>4", [1, 3]],
    ["contrast>=4", [3, 4, 5]],
    ["contrast=null", [2]],
    ["kind=a", [0]],
    ["kind=a, b", [0, 1, 3]],
    ["kind=\"a, b\"", [3]],
    ["kind=true", [4, 5]],
    ["done", [0, 1, 4, 5]],
    ["failed", [3]],
    ["waiting", [2]],
    ["not failed", [0, 1, 2, 4, 5]],
  ])("%s", async (text, cells) => {
    expect(await left(text)).toEqual(cells);
  });
  it("tells seeds apart that JavaScript would round", async () => {
    const texts = ["1152921504606846976", "1152921504606846977", "5"];
    const values = texts.map((text) => ({ title: `seed ${text}`, text, number: Number(text) }));
    const found = await runOf({ axes: [{ name: "seed", label: "seed", values }] });
    const cells = (text: string) => {
      const parsed = parseFilter(text, ["seed"]);
      return "error" in parsed ? parsed.error : visibleCells(found, parsed.conditions, NO_MARKS);
    };
    expect(cells("seed=1152921504606846977")).toEqual([1]);
    expect(cells("seed>5")).toEqual([0, 1]);
    expect(cells("seed=5.0")).toEqual([2]);
  });
  it("starred; not rejected", async () => {
    const marks = { starred: new Set(["c1", "c4"]), rejected: new Set(["c0"]) };
    expect(await left("starred", marks)).toEqual([1, 4]);
    expect(await left("not rejected", marks)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("sliders", () => {
  const run = runOf({ axes: [axis("value", [1, 2]), axis("seed", [1, 2]), axis("sampler", ["a", "b"])] });
  const shown = { rows: [], columns: ["value"], inside: [], fixed: { seed: 1 } };
  it("stay where they show a cell that is left", async () => {
    expect(fixedFor(await run, [0, 2], shown)).toBe(shown.fixed);
    expect(fixedFor(await run, [], shown)).toBe(shown.fixed);
  });
  it("go to the first cell that is left where they show none", async () => {
    expect(fixedFor(await run, [1, 3], shown)).toEqual({ seed: 0, sampler: 1 });
  });
});

describe("what completes a filter", () => {
  const run = runOf({ axes: [axis("guider", ["cfg", "a, b"])], metrics: [{ name: "contrast", higherIsBetter: null }] });
  it("is fields and states, after other conditions as well", async () => {
    expect(suggestions(await run, "")).toEqual(expect.arrayContaining(["guider", "contrast", "done"]));
    expect(suggestions(await run, "done;con")).toContain("done; contrast");
    expect(suggestions(await run, "not g")).toContain("not guider");
  });
  it("is values of an axis after its name", async () => {
    expect(suggestions(await run, "guider=")).toEqual(["guider=cfg", 'guider="a, b"']);
    expect(suggestions(await run, "done; guider=x,c")).toContain("done; guider=x,cfg");
    expect(suggestions(await run, "contrast<")).toEqual([]);
  });
});

describe("values that no cell has", () => {
  const prompt = ["a cat, sitting", "a dog"];
  const run = runOf({ axes: [axis("guider", ["cfg", "apg eta=0"]), axis("value", [1, 2])], fields: { prompt: [0, 1, 0, 1].map((at) => prompt[at] ?? null) } });
  it.each([
    ["guider=CFG", "no cell has guider CFG; did you mean cfg?"],
    ["not guider=cfg,CFG", "no cell has guider CFG; did you mean cfg?"],
    ["guider=apg; done; value=1.0", null],
    ["value=7", "no cell has value 7"],
    ["value<0", null],
    ["prompt=cat", 'no cell has prompt cat; did you mean "a cat, sitting"?'],
    ["prompt=a cat, sitting", null],
    ["id=c1", null],
    ["id=x", "no cell has id x"],
  ])("%s", async (text, expected) => {
    const found = await run;
    const parsed = parseFilter(text, filterNames(found));
    expect("error" in parsed ? parsed.error : unmet(found, parsed.conditions)).toBe(expected);
  });
  it("cells are found by their ids", async () => {
    const found = await run;
    const parsed = parseFilter("id=c1,c3", filterNames(found));
    expect("error" in parsed ? parsed.error : visibleCells(found, parsed.conditions, NO_MARKS)).toEqual([1, 3]);
  });
  it("are excluded by not, and != says so", () => {
    expect(errorOf("guider!=cfg")).toBe("There is no sign !=. Write “not guider=cfg”");
    expect(errorOf("not guider != cfg")).toBe("There is no sign !=. Write “guider=cfg”");
  });
});

describe("a change of the filter", () => {
  it("looks at every cell once", async () => {
    const found = await runOf({ axes: [axis("value", [1, 2, 3])], fields: { contrast: [0.1, 0.2, 0.3] } });
    shownRun.value = found;
    expect(visible.value).toEqual([0, 1, 2]);
    const field = vi.spyOn(found, "field");
    changeFilter(found, "contrast>0.1");
    expect(visible.value).toEqual([1, 2]);
    expect(field).toHaveBeenCalledTimes(3);
    shownRun.value = null;
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { fromHash, toHash } from "../src/state/address";
import { carried } from "../src/state/carried";
import { throttled } from "../src/state/throttle";
import { firstView, NO_VIEW } from "../src/state/view";
import { axis, runOf } from "./run_of";

const AXES = [axis("guider", ["cfg", "apg"]), axis("value", [1, 2, 3]), axis("seed", [0, 1])];

describe("throttled", () => {
  afterEach(() => void vi.useRealTimers());

  it("calls at once while that is seldom, and what comes too often once later", () => {
    vi.useFakeTimers();
    const call = vi.fn();
    const ask = throttled(call);
    for (let k = 0; k < 20; k++) ask();
    expect(call).toHaveBeenCalledTimes(20);
    for (let k = 0; k < 1000; k++) {
      ask();
      vi.advanceTimersByTime(10);
    }
    expect(call.mock.calls.length).toBeLessThan(40);
    vi.advanceTimersByTime(1000);
    const { length } = call.mock.calls;
    ask();
    ask();
    ask();
    ask.flush();
    ask.flush();
    expect(call.mock.calls.length - length).toBeLessThanOrEqual(2);
  });
});

describe("the address", () => {
  it("is read again as it was written", async () => {
    const run = await runOf({ axes: [...AXES, axis("a b=c&d", [1, 2])] });
    const first = firstView(run);
    const shown = {
      ...first,
      rows: ["a b=c&d"],
      hidden: { "a b=c&d": [1], seed: [0] },
      fixed: { guider: 1 },
      filter: "a b=c&d=1; not failed",
      zoom: 32,
    };
    expect(fromHash(`#${toHash(shown, first)}`, run)).toEqual(shown);
  });

  it("is a view, however damaged it is", async () => {
    const run = await runOf({ axes: AXES });
    const first = firstView(run);
    const damaged = ["%", "%E0%A4%A", "hide.seed=", "at.seed=,", "at.seed=-1", "at.seed=0.5", "at.seed=9e9", "zoom=NaN"];
    damaged.push("zoom=Infinity", "at.__proto__=1", "open=__proto__", "overlay=heat", "&&==");
    damaged.push("large.scale=x&large.split=-1&plot.x=&plot.y=value", "compare=constructor", "hide.value=9,x");
    for (const hash of damaged) expect([hash, fromHash(`#${hash}`, run)]).toEqual([hash, first]);
    expect(fromHash("#rows=__proto__,constructor", run).rows).toEqual([]);
    const parts = ["rows", "hide.seed", "at.value", "zoom", "=", "&", ",", "%", "1", "seed", "open", "\u2028", "#", "plot.x"];
    for (let k = 0; k < 300; k++) {
      const hash = Array.from({ length: 1 + (k % 9) }, (_, at) => parts[(k * 7919 + at * 104729 + ((k * at) % 13)) % parts.length]).join("");
      const view = fromHash(hash, run);
      expect(fromHash(toHash(view, first), run)).toEqual(view);
    }
  });
});

describe("carried", () => {
  it("keeps values where others have come before them, and what was seen of a new axis", async () => {
    const before = await runOf({ axes: [axis("guider", ["cfg", "apg"]), axis("value", [2, 3])] });
    const after = await runOf({ axes: [axis("guider", ["tnorm", "cfg", "apg"]), axis("value", [1, 2, 2.5, 3]), axis("seed", [7, 8])] });
    const old = after.plan.ids.findIndex(
      (_, cell) => after.value(cell, "guider") === 1 && after.value(cell, "value") === 1 && after.value(cell, "seed") === 1,
    );
    before.plan.ids.splice(0, before.plan.ids.length, after.id(old));
    const shown = { ...NO_VIEW, rows: ["guider", "gone"], fixed: { value: 1 }, hidden: { guider: [0, 1], value: [0] }, open: after.id(old), pinned: "gone" };
    expect(carried(shown, before, after)).toEqual({
      ...shown,
      rows: ["guider"],
      fixed: { guider: 1, value: 3, seed: 1 },
      hidden: { guider: [1, 2], value: [1] },
      pinned: null,
    });
    expect(carried(shown, after, after)).toBe(shown);
  });
});

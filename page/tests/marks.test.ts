import { afterEach, expect, it, vi } from "vitest";
import { fromJson, marked, NO_MARKS, storageProblem, toggle, toggled, toJson, followStorage } from "../src/marks/store";
import { run } from "../src/state/view";
import { axis, runOf } from "./run_of";

afterEach(() => {
  vi.restoreAllMocks();
  run.value = null;
  marked.value = NO_MARKS;
  localStorage.clear();
});

it("a mark is set and taken away, and a cell has one of the two", () => {
  const starred = toggled(NO_MARKS, "starred", "a");
  expect([...starred.starred]).toEqual(["a"]);
  const rejected = toggled(starred, "rejected", "a");
  expect([[...rejected.starred], [...rejected.rejected]]).toEqual([[], ["a"]]);
  expect(toggled(rejected, "rejected", "a").rejected.size).toBe(0);
});

it("marks are read as they were written, and damaged ones are none", () => {
  const marks = { starred: new Set(["a", "b"]), rejected: new Set(["c"]) };
  expect(fromJson(toJson(marks))).toEqual(marks);
  for (const text of [null, "", "{", "3", "null", '{"starred": 3}']) expect(fromJson(text)).toEqual(NO_MARKS);
  expect(fromJson('{"starred": ["a", 3]}').starred).toEqual(new Set(["a"]));
});

it("marks are kept for the plan of the run, and stay with their cells when it gets another one", async () => {
  const [one, other] = await Promise.all([runOf({ axes: [axis("seed", [1, 2])] }), runOf({ axes: [axis("seed", [1])] })]);
  followStorage();
  run.value = one;
  toggle("starred", "c0");
  toggle("rejected", "c1");
  run.value = other;
  expect(marked.value).toEqual({ starred: new Set(["c0"]), rejected: new Set() });
  toggle("starred", "c0");
  run.value = one;
  expect(marked.value).toEqual({ starred: new Set(["c0"]), rejected: new Set(["c1"]) });
  run.value = other;
  expect(marked.value).toEqual(NO_MARKS);
});

it("marks work without storage, and it is told that they are not kept", async () => {
  run.value = await runOf({ axes: [axis("seed", [1])] });
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("denied");
  });
  toggle("rejected", "c0");
  expect([...marked.value.rejected]).toEqual(["c0"]);
  expect(storageProblem.value).toContain("keeps no marks");
});

import { beforeEach, describe, expect, it, vi } from "vitest";
import { detailsOf } from "../src/data/details";
import { listen, load, loadAgain } from "../src/data/load";
import { Run } from "../src/data/run";

/** What each attempt to read a file gives: its content, or `null` where there is no file, or "damaged". */
const files = new Map<string, unknown[]>();
const read: string[] = [];

beforeEach(() => {
  files.clear();
  read.length = 0;
  vi.useFakeTimers();
  listen();
  vi.spyOn(document.head, "append").mockImplementation((script) => {
    const element = script as HTMLScriptElement;
    const name = (element.getAttribute("src") ?? "").split("?")[0] ?? "";
    read.push(element.getAttribute("src") ?? "");
    const content = files.get(name)?.shift() ?? null;
    if (content !== null && content !== "damaged") window.cfgsweepPage(name, content);
    queueMicrotask(() => element.dispatchEvent(new Event(content === null ? "error" : "load")));
  });
});

async function settled<T>(promise: Promise<T>): Promise<T | string> {
  const result = promise.catch((error: unknown) => (error as Error).message);
  await vi.runAllTimersAsync();
  return result;
}

describe("load", () => {
  it("tries a file again that is not there, or damaged, for a while", async () => {
    files.set("a.js", [null, "damaged", 7]);
    expect(await settled(load("a.js"))).toBe(7);
    expect(new Set(read).size).toBe(3);
    expect(await settled(load("b.js"))).toBe("b.js is not there.");
    files.set("c.js", ["damaged", "damaged", "damaged", "damaged"]);
    expect(await settled(load("c.js"))).toBe("c.js is damaged.");
  });

  it("reads a file once for several that want it, and again where that is asked for", async () => {
    files.set("d.js", [1, 2]);
    expect(await settled(Promise.all([load("d.js"), load("d.js")]))).toEqual([1, 1]);
    expect(await settled(loadAgain("d.js"))).toBe(2);
    expect(read.length).toBe(2);
  });

  it("says of a head that is none what is wrong with it", async () => {
    for (const [content, told] of [
      ["damaged", "data.js is damaged."],
      [0, "data.js is damaged."],
      [{ format: 1 }, "data.js is damaged."],
      [{ format: 9, plan: "p.js", results: [], axes: [] }, "data.js is of another version of cfgsweep."],
    ]) {
      files.set("data.js", Array.from({ length: 4 }, () => content));
      expect(await settled(Run.open())).toBe(told);
    }
  });
});

describe("detailsOf", () => {
  it("keeps the files used last alone", async () => {
    const names = Array.from({ length: 6 }, (_, k) => `details-${k}.js`);
    for (const name of names) files.set(name, [[name], [name]]);
    for (const name of names) await settled(detailsOf(name));
    await settled(detailsOf("details-5.js"));
    expect(read.length).toBe(6);
    await settled(detailsOf("details-0.js"));
    expect(read.length).toBe(7);
  });
});

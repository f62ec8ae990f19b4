import { render } from "preact";
import { act } from "preact/test-utils";
import { expect, it } from "vitest";
import { Copies } from "../src/panel/Copies";
import type { Known } from "../src/panel/useDetail";

const written: string[] = [];
Object.defineProperty(navigator, "clipboard", {
  value: { writeText: (text: string) => Promise.resolve(void written.push(text)) },
});

function known(cell: number): Known {
  const copies = { "sweep file": `seed: ${cell}` };
  return { cell, detail: { record: {}, schedule: null, diagnostics: null, hasPreviews: false, copies }, failure: null };
}

async function press(root: HTMLElement, name: string): Promise<void> {
  const button = [...root.querySelectorAll("button")].find((one) => one.textContent === name);
  await act(async () => {
    button?.click();
    await Promise.resolve();
  });
}

it("copies nothing of an earlier cell while the shown one is read, and says nothing of it", async () => {
  const root = document.createElement("div");
  const show = (cell: number, of: number) => act(() => render(<Copies cell={cell} known={known(of)} />, root));
  await show(1, 0);
  await press(root, "sweep file");
  expect(written).toEqual([]);
  expect(root.querySelector("button")?.getAttribute("aria-disabled")).toBe("true");
  await show(1, 1);
  await press(root, "sweep file");
  expect(written).toEqual(["seed: 1"]);
  expect(root.textContent).toContain("Copied: sweep file");
  await show(2, 1);
  expect(root.textContent).not.toContain("Copied");
});

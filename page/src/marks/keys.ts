/** `f` stars and `x` rejects the cell that has the focus, or the open one. */

import { openCell, run } from "../state/view";
import { toggle, type Mark } from "./store";

const KEYS: Partial<Record<string, Mark>> = { f: "starred", x: "rejected" };

/** An element with `data-cell` is about the cell of that number. */
export function cellOf(target: EventTarget | null): number | null {
  const element = target instanceof Element ? target.closest<HTMLElement>("[data-cell]") : null;
  return element ? Number(element.dataset.cell) : null;
}

export function followKeys(): void {
  document.addEventListener("keydown", (event) => {
    const mark = KEYS[event.key];
    if (!mark || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const cell = cellOf(event.target) ?? openCell.value;
    if (cell === null || !run.value) return;
    toggle(mark, run.value.id(cell));
    event.preventDefault();
  });
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input:not([type=range], [type=checkbox]), select, textarea") !== null;
}

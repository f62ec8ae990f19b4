/** The cells that the user has starred or rejected, by their ids: kept in the browser for each plan, where it allows that. */

import { computed, effect, signal } from "@preact/signals";
import { run } from "../state/view";

export type Mark = "starred" | "rejected";

export interface Marked {
  readonly starred: ReadonlySet<string>;
  readonly rejected: ReadonlySet<string>;
}

export const NO_MARKS: Marked = { starred: new Set(), rejected: new Set() };

export const marked = signal<Marked>(NO_MARKS);

/** Why marks are not kept when the page is closed; null where they are. */
export const storageProblem = signal<string | null>(null);

/** With the mark where it was not, without it where it was. A cell is not starred and rejected at once. */
export function toggled(marks: Marked, mark: Mark, id: string): Marked {
  const other = mark === "starred" ? "rejected" : "starred";
  const own = new Set(marks[mark]);
  const others = new Set(marks[other]);
  others.delete(id);
  if (!own.delete(id)) own.add(id);
  return mark === "starred" ? { starred: own, rejected: others } : { starred: others, rejected: own };
}

/** As text, for the browser and as a download. */
export function toJson(marks: Marked): string {
  return JSON.stringify({ starred: [...marks.starred], rejected: [...marks.rejected] }, null, 1);
}

/** The marks of such a text; of one that is damaged, none. */
export function fromJson(text: string | null): Marked {
  try {
    const found = JSON.parse(text ?? "{}") as Record<string, unknown>;
    return { starred: idsOf(found.starred), rejected: idsOf(found.rejected) };
  } catch {
    return NO_MARKS;
  }
}

function idsOf(given: unknown): Set<string> {
  return new Set(Array.isArray(given) ? given.filter((one) => typeof one === "string") : []);
}

/** What marks are kept under: the same cells, the same marks. */
const storageKey = computed(() => (run.value ? `cfgsweep marks of ${run.value.head.plan}` : null));

/** Where it is kept what that was last: a run that gets more cells has another plan, and the same ids. */
const PAGE_KEY = `cfgsweep page ${location.pathname}`;

export function toggle(mark: Mark, id: string): void {
  marked.value = toggled(marked.value, mark, id);
  if (storageKey.value !== null) keep(storageKey.value, toJson(marked.value));
}

function keep(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
    localStorage.setItem(PAGE_KEY, key);
    storageProblem.value = null;
  } catch {
    storageProblem.value = "This browser keeps no marks: they are gone when the page is closed. Export them.";
  }
}

/** Reads the marks of the run that is shown, and follows what other windows change. */
export function followStorage(): void {
  const read = (): void => {
    const key = storageKey.value;
    // What could not be kept is in this window alone.
    if (key === null || storageProblem.peek() !== null) return;
    try {
      marked.value = fromJson(localStorage.getItem(key) ?? earlier());
    } catch {
      // Storage is switched off: the marks are those of this window.
    }
  };
  effect(read);
  window.addEventListener("storage", (event) => {
    if (event.key === storageKey.value) read();
  });
}

/** The marks under the plan that this page had before. */
function earlier(): string | null {
  const key = localStorage.getItem(PAGE_KEY);
  if (key === null) return null;
  const found = run.peek();
  const left = (ids: ReadonlySet<string>) => new Set([...ids].filter((id) => found?.cell(id) !== undefined));
  const { starred, rejected } = fromJson(localStorage.getItem(key));
  return toJson({ starred: left(starred), rejected: left(rejected) });
}

/** What keys and buttons of the large view do. */

import type { Key } from "../shared/KeysHelp";
import { change, changeLarge, view } from "../state/view";
import { SCALES } from "../state/large";
import { compare, pin, swap, toggleControl } from "./compare";
import { nextScale } from "./layout";
import { axesAlong, step, stepInList, type Direction } from "./moves";
import { isPlaying } from "./player";

interface Command extends Key {
  /** as `KeyboardEvent.key` has them */
  keys: readonly string[];
  act: (cell: number) => void;
}

const along = (direction: Direction, by: 1 | -1) => (cell: number) => step(cell, axesAlong(direction), by);
const zoom = (by: 1 | -1) => () => changeLarge({ scale: nextScale(view.value.large.scale, by, SCALES) });

const STEPS: readonly Command[] = [
  { keys: ["ArrowLeft"], shown: "←", does: "back along the columns", act: along("columns", -1) },
  { keys: ["ArrowRight"], shown: "→", does: "on along the columns", act: along("columns", 1) },
  { keys: ["ArrowUp"], shown: "↑", does: "back along the rows", act: along("rows", -1) },
  { keys: ["ArrowDown"], shown: "↓", does: "on along the rows", act: along("rows", 1) },
  { keys: ["[", "PageUp"], shown: "[", does: "back along the third axis", act: along("third", -1) },
  { keys: ["]", "PageDown"], shown: "]", does: "on along the third axis", act: along("third", 1) },
  { keys: [","], shown: ",", does: "back in the sorted list, or in the run", act: (cell) => stepInList(cell, -1) },
  { keys: ["."], shown: ".", does: "on in the sorted list, or in the run", act: (cell) => stepInList(cell, 1) },
];

const OTHERS: readonly Command[] = [
  { keys: [" "], shown: "Space", does: "play an axis, or stop", act: () => void (isPlaying.value = !isPlaying.value) },
  { keys: ["p"], shown: "p", does: "make this picture the reference, or have none", act: pin },
  { keys: ["c"], shown: "c", does: "the control as the reference: the baseline at the same effective scale", act: toggleControl },
  { keys: ["r"], shown: "r", does: "swap picture and reference", act: swap },
  { keys: ["w"], shown: "w", does: "wipe between picture and reference", act: () => compare("wipe") },
  { keys: ["d"], shown: "d", does: "difference of picture and reference", act: () => compare("difference") },
  { keys: ["s"], shown: "s", does: "picture and reference side by side", act: () => compare("side") },
  { keys: ["+", "="], shown: "+", does: "larger: the picture's pixels", act: zoom(1) },
  { keys: ["-"], shown: "−", does: "smaller", act: zoom(-1) },
  { keys: ["0"], shown: "0", does: "fit to the window", act: () => changeLarge({ scale: 0 }) },
  { keys: ["1"], shown: "1", does: "one pixel of the picture as one of the screen", act: () => changeLarge({ scale: 1 }) },
  {
    keys: ["v"],
    shown: "v",
    does: "previews, or the picture",
    act: () => changeLarge({ previews: !view.value.large.previews }),
  },
  { keys: ["i"], shown: "i", does: "what is beside the picture", act: () => changeLarge({ panel: !view.value.large.panel }) },
];

/** Keys that do something wherever the focus is, except in fields that use them. */
const COMMANDS: readonly Command[] = [...STEPS, ...OTHERS];

/** Keys of the large view that are no commands. */
const OTHER_KEYS: readonly Key[] = [
  { shown: "f", does: "star" },
  { shown: "x", does: "reject" },
  { shown: "Shift + arrows", does: "move an enlarged picture" },
  { shown: "?", does: "these keys" },
  { shown: "Esc", does: "close" },
];

export const ALL_KEYS: readonly Key[] = [...COMMANDS, ...OTHER_KEYS];

export function commandOf(key: string): Command | undefined {
  return COMMANDS.find((command) => command.keys.includes(key));
}

export function close(): void {
  change({ open: null });
}

/** Whether the element with the focus uses a key itself. */
export function isOwnKey(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement && target.type === "range")
    return /^(Arrow|Page|Home|End)/.test(key);
  if (target instanceof HTMLInputElement && target.type === "checkbox") return key === " ";
  if (target.matches("input, textarea, select")) return true;
  if (target.matches(".panel, .panel [tabindex]")) return /^(Arrow(Up|Down)|Page|Home|End| $)/.test(key);
  return key === " " && target.matches("button, summary, a");
}

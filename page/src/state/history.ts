/** The address follows the view, and the view the address. An open picture is an entry of the history of its own. */

import { effect } from "@preact/signals";
import { fromHash, toHash } from "./address";
import { throttled } from "./throttle";
import { change, firstView, run, view } from "./view";

/** The address without an open picture, to which Back leads from one. */
let under: string | null = null;

/** The address that the view has. */
let wanted = "";

/** Whether the entry of a picture that has been closed is being left. */
let isLeaving = false;

/** Keeps the address as the view is, and the view as the address is when the user changes that. */
export function followAddress(): void {
  history.scrollRestoration = "manual";
  window.addEventListener("popstate", arrive);
  window.addEventListener("hashchange", () => {
    const found = run.value;
    if (found && !isLeaving && own() !== toHash(view.value, firstView(found))) view.value = fromHash(location.hash, found);
  });
  // Whoever leaves the page, or goes to the browser's field of the address, takes it with them.
  for (const kind of ["pagehide", "blur"]) window.addEventListener(kind, replace.flush);
  effect(write);
}

/** The address of the view as it is now. */
export function addressOfView(): string {
  replace.flush();
  return location.href;
}

const replace = throttled(() => {
  if (!isLeaving && own() !== wanted) history.replaceState(history.state, "", `#${wanted}`);
});

/** After Back: what was chosen while a picture was open stays. */
function arrive(): void {
  if (isLeaving) {
    isLeaving = false;
    if (view.value.open !== null) history.replaceState(null, "", `#${under ?? ""}`);
    write();
  } else if (view.value.open !== null && own() === under) change({ open: null });
}

function write(): void {
  const found = run.value;
  if (!found) return;
  const { open } = view.value;
  wanted = toHash(view.value, firstView(found));
  if (isLeaving) return;
  const isOpenEntry = isOpened(history.state);
  if (open !== null && under !== null && !isOpenEntry && !isOpen(own())) {
    if (own() !== under) history.replaceState(history.state, "", `#${under}`);
    history.pushState({ opened: true }, "", `#${wanted}`);
  } else if (own() !== wanted) replace();
  if (open !== null) return;
  under = wanted;
  if (!isOpenEntry) return;
  isLeaving = true;
  history.back();
}

function own(): string {
  return location.hash.replace(/^#/, "");
}

function isOpen(hash: string): boolean {
  return new URLSearchParams(hash).has("open");
}

function isOpened(state: unknown): boolean {
  return typeof state === "object" && state !== null && "opened" in state;
}

/** Whether the user wants less motion: as the browser says now. */

import { signal } from "@preact/signals";

const asked = window.matchMedia("(prefers-reduced-motion: reduce)");

export const wantsLessMotion = signal(asked.matches);

asked.addEventListener("change", () => void (wantsLessMotion.value = asked.matches));

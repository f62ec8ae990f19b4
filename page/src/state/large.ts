/** What the user has chosen in the large view, with its part of the address. */

import type { Run } from "../data/run";

export interface Large {
  /** device pixels for each pixel of the picture; 0: as large as fits */
  scale: number;
  /** what differences are multiplied by */
  gain: number;
  /** where the wipe divides the pictures, in percent of their width */
  split: number;
  /** whether the previews are shown in place of the picture */
  previews: boolean;
  /** whether pictures are compared with their controls, and not with the one that was chosen */
  control: boolean;
  /** whether there is a panel beside the picture */
  panel: boolean;
  /** the axis that is played; null: the first one */
  axis: string | null;
}

export const FIRST_LARGE: Large = { scale: 0, gain: 4, split: 50, previews: false, control: false, panel: true, axis: null };

export const SCALES = [1, 2, 4, 8] as const;
export const GAINS = [1, 2, 4, 8, 16] as const;

/** Adds what differs from the first choices, as `large.scale=2`. */
export function largeToHash(shown: Large, parts: URLSearchParams): void {
  for (const key of ["scale", "gain", "split"] as const)
    if (shown[key] !== FIRST_LARGE[key]) parts.set(`large.${key}`, String(shown[key]));
  for (const key of ["previews", "control", "panel"] as const)
    if (shown[key] !== FIRST_LARGE[key]) parts.set(`large.${key}`, shown[key] ? "1" : "0");
  if (shown.axis !== null) parts.set("large.axis", shown.axis);
}

export function largeFromHash(parts: URLSearchParams, found: Run): Large {
  const first = FIRST_LARGE;
  const of = (key: keyof Large) => parts.get(`large.${key}`);
  const number = (key: "scale" | "gain" | "split", allowed: (value: number) => boolean) => {
    const value = of(key);
    return value !== null && allowed(Number(value)) ? Number(value) : first[key];
  };
  const flag = (key: "previews" | "control" | "panel") => (["0", "1"].includes(of(key) ?? "") ? of(key) === "1" : first[key]);
  const axis = of("axis");
  return {
    scale: number("scale", (value) => SCALES.some((one) => one === value)),
    gain: number("gain", (value) => GAINS.some((one) => one === value)),
    split: number("split", (value) => value >= 0 && value <= 100),
    previews: flag("previews"),
    control: flag("control"),
    panel: flag("panel"),
    axis: axis !== null && found.axis(axis) ? axis : null,
  };
}

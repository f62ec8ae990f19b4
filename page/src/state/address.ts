/** The view in the part of the address after `#`, as far as it differs from the view that a run is first shown in. */

import { largeFromHash, largeToHash } from "./large";
import { plotFromHash, plotToHash } from "./plot";
import { firstView, type View } from "./view";
import type { Run } from "../data/run";

const COMPARE = ["none", "wipe", "difference", "side"] as const;
const OVERLAYS = ["outline", "bar", "heat"] as const;

/** `rows=guider&columns=value,seed&at.sampler=2&hide.seed=1,3&open=<id>`; values of axes by their numbers. */
export function toHash(shown: View, first: View): string {
  const parts = new URLSearchParams();
  for (const key of ["rows", "columns", "inside"] as const)
    if (shown[key].join() !== first[key].join()) parts.set(key, shown[key].join(","));
  for (const [axis, value] of Object.entries(shown.fixed)) if (value) parts.set(`at.${axis}`, String(value));
  for (const [axis, values] of Object.entries(shown.hidden))
    if (values.length) parts.set(`hide.${axis}`, values.join(","));
  if (shown.zoom !== first.zoom) parts.set("zoom", String(shown.zoom));
  for (const key of ["open", "pinned"] as const) if (shown[key]) parts.set(key, shown[key]);
  if (shown.compare !== "none") parts.set("compare", shown.compare);
  largeToHash(shown.large, parts);
  if (shown.overlay) parts.set("overlay", `${shown.overlay.as}:${shown.overlay.metric}`);
  plotToHash(shown.plot, parts);
  for (const key of ["filter", "sort"] as const) if (shown[key]) parts.set(key, shown[key]);
  return parts.toString();
}

/** The view of a hash. What the run does not have, or what is no view, is left as it is first. */
export function fromHash(hash: string, found: Run): View {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const first = firstView(found);
  const { rows, columns, inside } = axesOf(parts, first, found);
  const shown: View = { ...first, rows, columns, inside };
  const zoom = Number(parts.get("zoom") ?? first.zoom);
  const [as, ...metric] = (parts.get("overlay") ?? "").split(":");
  return {
    ...shown,
    fixed: numbersOf(parts, "at.", found, ([value]) => value),
    hidden: numbersOf(parts, "hide.", found, (values) => values),
    zoom: zoom === 0 || (zoom >= 32 && zoom <= 4096) ? Math.round(zoom) : first.zoom,
    open: idOf(parts.get("open"), found),
    pinned: idOf(parts.get("pinned"), found),
    compare: COMPARE.find((one) => one === parts.get("compare")) ?? "none",
    large: largeFromHash(parts, found),
    overlay: overlayOf(as, metric.join(":"), found),
    plot: plotFromHash(parts, found),
    filter: parts.get("filter") ?? "",
    sort: parts.get("sort") ?? "",
  };
}

function axesOf(parts: URLSearchParams, first: View, found: Run): Pick<View, "rows" | "columns" | "inside"> {
  const used = new Set<string>();
  const of = (key: "rows" | "columns" | "inside") =>
    (parts.has(key) ? (parts.get(key) ?? "").split(",") : first[key]).filter((name) => {
      const isNew = found.axis(name) !== undefined && !used.has(name);
      used.add(name);
      return isNew;
    });
  return { rows: of("rows"), columns: of("columns"), inside: of("inside") };
}

function numbersOf<T>(
  parts: URLSearchParams,
  prefix: string,
  found: Run,
  of: (values: number[]) => T | undefined,
): Record<string, T> {
  const all: Record<string, T> = {};
  for (const [key, text] of parts) {
    const axis = key.startsWith(prefix) ? found.axis(key.slice(prefix.length)) : undefined;
    const numbers = text.split(",").filter((number) => /^\d+$/.test(number)).map(Number);
    const values = [...new Set(numbers)].filter((value) => axis?.values[value] !== undefined);
    const value = values.length ? of(values) : undefined;
    if (axis && value !== undefined) all[axis.name] = value;
  }
  return all;
}

function idOf(id: string | null, found: Run): string | null {
  return id !== null && found.cell(id) !== undefined ? id : null;
}

function overlayOf(as: string | undefined, metric: string, found: Run): View["overlay"] {
  const kind = OVERLAYS.find((one) => one === as);
  return kind && found.head.metrics.some((one) => one.name === metric) ? { metric, as: kind } : null;
}

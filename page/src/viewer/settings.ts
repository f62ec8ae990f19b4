/** What is said of a cell: the values of its axes, and in which of them two cells differ. */

import type { Run } from "../data/run";

interface Setting {
  axis: string;
  label: string;
  /** of the axis' value, by itself */
  title: string;
  differs: boolean;
}

/** The settings of a cell by the axes of the run; differs: from the other cell, where there is one. */
export function settingsOf(run: Run, cell: number, other: number | null): Setting[] {
  return run.head.axes.map((axis) => {
    const value = run.value(cell, axis.name);
    return {
      axis: axis.name,
      label: axis.label,
      title: axis.values[value]?.title ?? "",
      differs: other !== null && run.value(other, axis.name) !== value,
    };
  });
}

/** One line of text. */
export function titleOf(run: Run, cell: number): string {
  const titles = settingsOf(run, cell, null).map((setting) => setting.title);
  return titles.join(" · ") || run.head.name;
}

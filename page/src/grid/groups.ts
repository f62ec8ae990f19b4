/** Headings of nested axes. */

/** Lines from `start` on that have one heading. */
export interface Group {
  start: number;
  span: number;
  /** the number of the axis' value */
  value: number;
}

/** The headings of an axis: lines next to each other that agree in it and in all axes outside it. */
export function groupsOf(lines: readonly (readonly number[])[], level: number): Group[] {
  const groups: Group[] = [];
  lines.forEach((line, start) => {
    const before = lines[start - 1];
    const last = groups.at(-1);
    if (last && before && agree(before, line, level)) last.span++;
    else groups.push({ start, span: 1, value: line[level] ?? 0 });
  });
  return groups;
}

/** The heading over a line. */
export function groupAt(groups: readonly Group[], line: number): Group | undefined {
  let low = 0;
  let high = groups.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((groups[middle]?.start ?? 0) <= line) low = middle;
    else high = middle - 1;
  }
  return groups[low];
}

/** The headings over some lines, each once. */
export function groupsOver(groups: readonly Group[], lines: readonly number[]): Group[] {
  return [...new Set(lines.flatMap((line) => groupAt(groups, line) ?? []))];
}

function agree(one: readonly number[], other: readonly number[], level: number): boolean {
  for (let outer = 0; outer <= level; outer++) if (one[outer] !== other[outer]) return false;
  return true;
}

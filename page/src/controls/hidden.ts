/** Which values of axes are not shown. */

import type { Axis } from "../data/types";
import type { View } from "../state/view";

type Hidden = View["hidden"];

/** Without one value more; the last one that is shown stays. */
export function hideValue(axis: Axis, value: number, hidden: Hidden): Hidden {
  const next = new Set([...(hidden[axis.name] ?? []), value]);
  return next.size >= axis.values.length ? hidden : { ...hidden, [axis.name]: ascending(next) };
}

export function showValue(axis: Axis, value: number, hidden: Hidden): Hidden {
  return { ...hidden, [axis.name]: (hidden[axis.name] ?? []).filter((one) => one !== value) };
}

/** With this value of the axis alone. */
export function showOnly(axis: Axis, value: number, hidden: Hidden): Hidden {
  return { ...hidden, [axis.name]: [...axis.values.keys()].filter((one) => one !== value) };
}

/** With all values of the axis. */
export function showAll(axis: Axis, hidden: Hidden): Hidden {
  return { ...hidden, [axis.name]: [] };
}

function ascending(values: Iterable<number>): number[] {
  return [...values].sort((a, b) => a - b);
}

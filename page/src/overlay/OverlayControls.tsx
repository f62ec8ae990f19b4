import type { Run } from "../data/run";
import { change, view, type View } from "../state/view";
import { Legend } from "./Legend";

const KINDS = ["outline", "bar", "heat"] as const satisfies NonNullable<View["overlay"]>["as"][];

/** Chooses the metric that is drawn over the cells, and how. */
export function OverlayControls(props: { run: Run }) {
  const { metrics } = props.run.head;
  const { overlay } = view.value;
  if (!metrics.length) return null;
  return (
    <div class="overlay-controls" role="group" aria-label="Metric over pictures">
      <label>
        Metric{" "}
        <select
          value={overlay?.metric ?? ""}
          onChange={({ currentTarget: { value: metric } }) =>
            change({ overlay: metric ? { metric, as: overlay?.as ?? "outline" } : null })
          }
        >
          <option value="">none</option>
          {metrics.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {overlay && (
        <label>
          as{" "}
          <select
            value={overlay.as}
            onChange={({ currentTarget: { value } }) =>
              change({ overlay: { ...overlay, as: KINDS.find((kind) => kind === value) ?? "outline" } })
            }
          >
            {KINDS.map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
      )}
      <Legend />
    </div>
  );
}

import type { Run } from "../data/run";
import { metricNames } from "../filter/fields";
import type { PlotView } from "../state/plot";
import { change } from "../state/view";
import { acrossNames, axesOver } from "./points";

/** Chooses what is across and up, what has a curve, and whether points are means. */
export function PlotControls({ run, plot }: { run: Run; plot: PlotView }) {
  const axes = run.head.axes.filter((axis) => axis.values.length > 1).map(({ name }) => name);
  const over = axesOver(run, [plot.x, plot.by]);
  const set = (changes: Partial<PlotView>) => change({ plot: { ...plot, ...changes } });
  return (
    <div class="plot-controls" role="group" aria-label="Plot">
      <Choice label="y axis" value={plot.y} names={metricNames(run)} onChoice={(y) => set({ y })} />
      <Choice label="x axis" value={plot.x} names={acrossNames(run)} onChoice={(x) => set({ x })} />
      <Choice label="Colours" value={plot.by} names={["", ...axes]} onChoice={(by) => set({ by })} />
      {over.length > 0 && (
        <label>
          <input type="checkbox" checked={plot.means} onChange={(event) => set({ means: event.currentTarget.checked })} />{" "}
          means over {over.join(", ")}
        </label>
      )}
    </div>
  );
}

function Choice(props: { label: string; value: string; names: readonly string[]; onChoice: (name: string) => void }) {
  return (
    <label>
      {props.label}{" "}
      <select value={props.value} onChange={(event) => props.onChoice(event.currentTarget.value)}>
        {props.names.map((name) => (
          <option key={name} value={name}>
            {name || "nothing"}
          </option>
        ))}
      </select>
    </label>
  );
}

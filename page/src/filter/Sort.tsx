import type { Run } from "../data/run";
import { change } from "../state/view";
import { fieldNames } from "./fields";
import { firstOrder, order, sortOf } from "./sorted";

/** Chooses the field that sorts the pictures into a list, and its direction. */
export function Sort(props: { run: Run }) {
  const current = order.value;
  const choose = (field: string) => change({ sort: field ? sortOf(firstOrder(props.run, field)) : "" });
  return (
    <div class="sort" role="group" aria-label="Sort">
      <label>
        Sort by{" "}
        <select value={current?.field ?? ""} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">nothing: grid</option>
          {fieldNames(props.run).map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {current && (
        <button type="button" onClick={() => change({ sort: sortOf({ ...current, descending: !current.descending }) })}>
          {current.descending ? "↓ descending" : "↑ ascending"}
        </button>
      )}
    </div>
  );
}

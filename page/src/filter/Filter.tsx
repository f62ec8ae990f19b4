import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Run } from "../data/run";
import { view } from "../state/view";
import { changeFilter } from "./change";
import { FLAGS, hasFlag, parseFilter, withFlag } from "./conditions";
import { filterNames } from "./fields";
import { shownCells } from "./sorted";
import { suggestions } from "./suggest";
import { unmet } from "./unmet";

/** The field for conditions, with what is wrong in words, and the number of cells that are left. */
export function Filter(props: { run: Run }) {
  const { filter } = view.value;
  // What is being typed, until it is a filter.
  const draft = useSignal<string | null>(null);
  const text = draft.value ?? filter;
  const names = filterNames(props.run);
  const parsed = parseFilter(text, names);
  const error = "error" in parsed ? parsed.error : null;
  const missing = useMemo(() => ("error" in parsed ? null : unmet(props.run, parsed.conditions)), [props.run, text]);
  const type = (given: string) => {
    const isFilter = "conditions" in parseFilter(given, names);
    draft.value = isFilter ? null : given;
    if (isFilter) changeFilter(props.run, given);
  };
  return (
    <div class="filter" role="search">
      <label>
        Filter{" "}
        <input
          type="search"
          list="filter-names"
          value={text}
          placeholder="guider=cfg; value<0.2"
          spellcheck={false}
          autocomplete="off"
          aria-invalid={error !== null}
          aria-describedby="filter-says"
          onInput={(event) => type(event.currentTarget.value)}
        />
      </label>
      <datalist id="filter-names">
        {suggestions(props.run, text).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <Flags run={props.run} filter={filter} />
      <output id="filter-says" class={error === null ? "" : "error"}>
        {error ?? [`${shownCells.value.length} of ${props.run.size} cells`, missing].filter(Boolean).join("; ")}
      </output>
    </div>
  );
}

function Flags(props: { run: Run; filter: string }) {
  return (
    <span class="flags" role="group" aria-label="Only">
      {FLAGS.map((flag) => {
        const isOn = hasFlag(props.filter, flag);
        return (
          <button
            key={flag}
            type="button"
            aria-pressed={isOn}
            onClick={() => changeFilter(props.run, withFlag(props.filter, flag, !isOn))}
          >
            {flag}
          </button>
        );
      })}
    </span>
  );
}

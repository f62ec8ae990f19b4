import type { Run } from "../data/run";
import { Filter } from "../filter/Filter";

export function Controls(props: { run: Run }) {
  return <Filter run={props.run} />;
}

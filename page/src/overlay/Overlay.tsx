import type { Run } from "../data/run";

export function Overlay(props: { run: Run; cell: number }) {
  return <span hidden>{props.run.id(props.cell)}</span>;
}

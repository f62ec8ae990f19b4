import { expect, test } from "vitest";
import { breakable } from "../src/shared/breaks";

test.each([
  ["cfg zero_init_steps=2", ["cfg ", "zero_", "init_", "steps=", "2"]],
  ["k_decay=0.35313", ["k_", "decay=", "0.35313"]],
  ["guider.cfg.scale", ["guider.", "cfg.", "scale"]],
  ["apg eta=0 norm_threshold=15", ["apg ", "eta=0 ", "norm_", "threshold=", "15"]],
  ["7.5", ["7.5"]],
  ["", [""]],
])("names end a part where they may be broken, and numbers and short words do not: %s", (text, parts) => {
  expect(breakable(text)).toEqual(parts);
});

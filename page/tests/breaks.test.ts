import { expect, test } from "vitest";
import { breakable } from "../src/shared/breaks";

test.each([
  ["cfg zero_init_steps=2", ["cfg zero_", "init_", "steps=", "2"]],
  ["k_decay=0.35313", ["k_", "decay=", "0.35313"]],
  ["guider.cfg.scale", ["guider.", "cfg.", "scale"]],
  ["7.5", ["7.5"]],
  ["", [""]],
])("names end a part where they may be broken, and numbers do not: %s", (text, parts) => {
  expect(breakable(text)).toEqual(parts);
});

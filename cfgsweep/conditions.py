"""What a prediction is conditioned on: a text, a label, or nothing."""

from __future__ import annotations

# A text for models of texts; for models of labels a class by its number or its name, and None, the null label.
Condition = str | int | None

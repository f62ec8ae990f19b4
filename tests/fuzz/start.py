"""Starts libFuzzer on a function of bytes, guided by coverage. Arguments of the command line are libFuzzer's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris


def fuzz(
    one: Callable[[bytes], object], seeds: Iterable[bytes], names: Iterable[str], place: Path, longest: int
) -> None:
    """Calls `one` with the seeds and what is made of them, until a limit of the command line. It does not return.

    seeds: for where the command line names no folder with a corpus. names: words that are put into files. place: an
    empty folder. longest: in bytes. Time and memory of one call are bounded by libFuzzer.
    """
    words = sys.argv
    if all(word.startswith("-") for word in words[1:]):
        (place / "corpus").mkdir()
        for number, content in enumerate(seeds):
            (place / "corpus" / str(number)).write_bytes(content)
        words = [*words, str(place / "corpus")]
    (place / "names.dict").write_text("".join(f'"{name}"\n' for name in sorted(set(names))))
    limits = [f"-max_len={longest}", "-timeout=20", "-rss_limit_mb=2048", f"-dict={place / 'names.dict'}"]
    atheris.Setup([*words, *limits], one)
    atheris.Fuzz()

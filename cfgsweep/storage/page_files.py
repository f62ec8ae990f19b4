"""Files of a page: scripts with one call, `cfgsweepPage("<name of the file>", <JSON>)`, and thumbnails.

A page that is opened from a file may not fetch anything, but it may load scripts. Names of scripts have a hash of their
content, but for `data.js`, which names the others.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from cfgsweep.storage.file_state import read_text
from cfgsweep.system.html import json_in_html
from cfgsweep.system.picture_files import NO_PICTURE, opened

HEAD, INDEX, SINGLE = "data.js", "index.html", "single.html"
ASSETS = (INDEX, "app.js", "app.css")
DATA, THUMBS = "data", "thumbs"  # folders
PLAN, RESULTS, DETAILS = (f"{DATA}/{kind}-*.js" for kind in ("plan", "results", "details"))
SCRIPTS, WEBPS = "*.js", "*.webp"  # in both folders
THUMB_SIDE = 128  # pixels of the longest side
CALL = re.compile(r'cfgsweepPage\("([^"\\]*)",(.*)\);\n', re.DOTALL)
DIGITS = 16  # of a hash in a name


def thumb_file(folder: Path, name: str) -> Path:
    """A thumbnail of the page in a folder."""
    return folder / THUMBS / WEBPS.replace("*", name)


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def script(name: str, content: object) -> tuple[str, bytes]:
    """The file's name and text. name: with `*` where the hash of the content goes."""
    text = json_in_html(content)
    name = name.replace("*", hash_of(text.encode()))
    return name, f'cfgsweepPage("{name}",{text});\n'.encode()


def content_of(path: Path, name: str) -> Any:
    """The content of a script of this name; None where there is none, or it is not whole."""
    found = CALL.fullmatch(read_text(path) or "")
    if found is None or found[1] != name:
        return None
    digits = Path(name).stem.partition("-")[2]
    if digits and digits != hash_of(found[2].encode()):
        return None
    try:
        return json.loads(found[2])
    except (ValueError, RecursionError):
        return None


def begins_as_script(path: Path, name: str) -> bool:
    """Does the file begin as a script of this name? It may be damaged."""
    return (read_text(path) or "").startswith(f'cfgsweepPage("{name}",')


def head_of(folder: Path) -> dict[str, Any] | None:
    """The head of the page in a folder; None where there is no page of ours, or its head is damaged."""
    head = content_of(folder / HEAD, HEAD)
    return head if isinstance(head, dict) and head.get("format") == 1 else None


def is_head(path: Path) -> bool:
    """Is the file a whole head, and are the scripts that it names there?"""
    head = head_of(path.parent)
    return head is not None and all((path.parent / name).is_file() for name in scripts_of(head))


def scripts_of(head: dict[str, Any]) -> list[str]:
    """The names of the plan and of the results, as a head has them."""
    names = [head.get("plan"), *(head.get("results") or ())]
    return [name for name in names if isinstance(name, str)]


def is_script(path: Path) -> bool:
    """Is the file a whole script of a page's folder `data`?"""
    return content_of(path, f"{DATA}/{path.name}") is not None


def is_results(path: Path) -> bool:
    """Is the file a whole script of results, and are the thumbnails that it names there?"""
    results = content_of(path, f"{DATA}/{path.name}")
    thumbs = results.get("thumb") if isinstance(results, dict) else None
    if not isinstance(thumbs, dict):
        return False
    names: list[str | None] = thumbs.get("values") or thumbs.get("each") or [thumbs.get("same")]
    return all(name is None or thumb_file(path.parents[1], name).is_file() for name in names)


def is_asset(path: Path) -> bool:
    """Is the file as it was written, by the hash that the head has of it?"""
    head = head_of(path.parent)
    known = (head or {}).get("assets")
    wanted = known.get(path.name) if isinstance(known, dict) else None
    return wanted is None or wanted == hash_of(path.read_bytes())


def is_single(path: Path) -> bool:
    """Is the file a page with all data inside, from its beginning to its end?"""
    text = read_text(path) or ""
    return f'cfgsweepPage("{HEAD}",' in text and text.rstrip().endswith("</html>")


def is_thumb(path: Path) -> bool:
    """Is the file a whole thumbnail?"""
    try:
        return max(opened(path, formats=("WEBP",)).size) <= THUMB_SIDE
    except NO_PICTURE:
        return False

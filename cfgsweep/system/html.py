"""What pages of HTML have inside: JSON that cannot end its element, and hashes for content security policies."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

# U+2028 and U+2029 end a line of a script in older browsers; `json.dumps` escapes them with all that is not ASCII.
ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def json_in_html(data: object) -> str:
    """JSON in which no text can end the element that it is in. Raises ValueError for a number that is not finite."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).translate(ESCAPES)


def content_policy(style: str, scripts: Sequence[str], images: str = "data:") -> str:
    """A content security policy of a page in one file: these scripts, images inside the page, and nothing else.

    style: the source of styles, as `csp_hash` names one. scripts: their texts.
    """
    rules = {
        "default-src": "'none'",
        "img-src": images,
        "style-src": style,
        "script-src": " ".join(map(csp_hash, scripts)),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {source}" for name, source in rules.items())


def csp_hash(text: str) -> str:
    """How a content security policy names a script or a style of this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

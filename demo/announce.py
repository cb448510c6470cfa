"""How a server tells the demo that it is ready, and how it is reached."""

import json
from collections.abc import Mapping
from pathlib import Path


def announce(ready: Path, params: Mapping[str, object]) -> None:
    """Write what a connector needs to reach the server, but for secrets, to a file that appears whole."""
    unfinished = ready.with_suffix(".part")
    unfinished.write_text(json.dumps(params), encoding="utf-8")
    unfinished.replace(ready)

"""Where do the figures of a benchmark go, beside the screen? To JSON under build/bench."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "build" / "bench"


def write(name: str, figures: Mapping[str, Any]) -> None:
    """Write the figures of one benchmark, with the number of cores of this machine."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    whole = {"cores_of_machine": os.cpu_count(), **figures}
    (FOLDER / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")

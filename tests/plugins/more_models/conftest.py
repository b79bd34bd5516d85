"""Where the distribution is not installed, its source is found beside this file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("outcomemodels_more") is None:
    sys.path.insert(0, str(Path(__file__).parent / "src"))

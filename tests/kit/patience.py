"""How long a test waits for what comes at once on an idle machine.

No promise of the product: long enough for a loaded machine, short of the limit of a test (`pyproject.toml`).
Whoever waits stops as soon as the condition holds, so only a failure takes that long.
"""

from __future__ import annotations

PATIENCE_S = 60.0

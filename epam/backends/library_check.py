"""Whether libraries are installed, found out without importing them."""

from __future__ import annotations

from importlib.util import find_spec

EXTRA = "pip install 'epam-bench[fast]'"


def missing_libraries(*names: str, install: str = EXTRA) -> str | None:
    """What is missing and the one line that installs it; none where all are there.

    Args:
        names: as they are imported.
        install: what to type.
    """
    absent = [name for name in names if find_spec(name) is None]
    if not absent:
        return None
    return (
        f"needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not installed: {install}"
    )

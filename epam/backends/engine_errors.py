"""What an inference engine's error says, as one line."""

from __future__ import annotations

from epam.errors import printable


def first_line(error: BaseException) -> str:
    """Kind and first line of an error; engines go on for pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {printable(lines[0])}" if lines else type(error).__name__

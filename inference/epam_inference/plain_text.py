"""Text from outside made fit to print."""

from __future__ import annotations


def readable(text: str) -> str:
    """Put text on one line, without the characters that steer a terminal."""
    one_line = " ".join(text.splitlines())
    return "".join(letter if letter.isprintable() else "�" for letter in one_line)

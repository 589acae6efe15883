"""What the measuring process and its children say to each other: a JSON object a line, on pipes for that."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

Message = dict[str, Any]


def write_message(pipe: int, message: Mapping[str, Any]) -> None:
    """Write one message whole.

    Raises:
        OSError: nobody reads any more.
    """
    line = json.dumps(message).encode() + b"\n"
    while line:
        line = line[os.write(pipe, line) :]


def parse_message(line: bytes) -> Message:
    """The message on a line.

    Raises:
        ValueError: something else has written on the pipe.
    """
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"a message is an object, not {type(message).__name__}")
    return message

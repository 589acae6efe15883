"""Work shared out among a cluster's jobs, by name alone, so that no job need know of the others."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from epam.errors import InputError, printable


@dataclass(frozen=True)
class Shard:
    """One of several equal shares; ``number`` counts from 1."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``, as in ``--shard 3/8``.

        Raises:
            InputError: it is not of this form, or i is not one of 1 to n.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(f"--shard is {printable(text)!r}; give i/n with i from 1 to n, like 3/8")
        return cls(int(match[1]), int(match[2]))

    def takes(self, name: str) -> bool:
        """Whether what is called so belongs to this share: always the same one, whatever else there is."""
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


WHOLE = Shard()
"""All of the work."""

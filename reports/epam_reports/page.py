"""A report as a row of blocks, in no format yet: the exporters of pages turn it into Markdown or HTML."""

from __future__ import annotations

from dataclasses import dataclass

from epam_reports.table import Table


@dataclass(frozen=True)
class Heading:
    """What stands above the blocks that follow."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """One or more sentences."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Pointer:
    """Where a table too long for the page is: the file ``stem`` with the page's own suffix."""

    text: str
    stem: str


@dataclass(frozen=True)
class Picture:
    """A figure that is also the file ``name.svg``."""

    name: str
    caption: str
    svg: bytes


Block = Heading | Paragraph | Bullets | Pointer | Picture | Table


@dataclass(frozen=True)
class Page:
    """A title and what stands below it."""

    title: str
    blocks: tuple[Block, ...]

"""One page of blocks becomes Markdown and HTML with the same things in it."""

from __future__ import annotations

from epam_reports.exporters import page_to_html, page_to_markdown
from epam_reports.page import Bullets, Heading, Page, Paragraph, Picture, Pointer

PAGE = Page(
    "A *title*",
    (
        Heading("A heading"),
        Paragraph("Words with <signs>."),
        Bullets(("one", "two")),
        Pointer("More:", "classes"),
        Picture("macs_latency", "What is seen.", b"<svg/>"),
    ),
)


def test_blocks_are_markdown_with_their_signs_escaped() -> None:
    assert page_to_markdown(PAGE) == (
        "# A \\*title\\*\n\n## A heading\n\nWords with \\<signs\\>.\n\n- one\n- two\n\n"
        "More: [classes.md](classes.md)\n\n![macs–latency](macs_latency.svg)\n\nWhat is seen.\n"
    )


def test_both_formats_say_the_same() -> None:
    for text in (page_to_markdown(PAGE), page_to_html(PAGE)):
        for part in ("A heading", "one", "More:", "classes.", "What is seen."):
            assert part in text

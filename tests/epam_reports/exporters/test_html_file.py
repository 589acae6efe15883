"""HTML is one whole document that fetches and runs nothing, and each cell says what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest

from epam_bench.records import CountRecord, LatencyRecord
from epam_reports.evidence import ROW, Evidence
from epam_reports.exporters import page_to_html, to_html
from epam_reports.page import Bullets, Heading, Page, Paragraph, Picture, Pointer
from epam_reports.published import PublishedNumber, Source, load_published
from epam_reports.table import Column, Table, lay_out, typed_frame
from epam_reports.tables import accuracy_table, efficiency_table

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)> & 'quoted' \x07\n</style>"
VOID = {"meta", "img", "br", "link"}


class _Reader(HTMLParser):
    """Reads a document strictly: every element is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def _read(text: str) -> _Reader:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture
def table(count: Callable[..., CountRecord], latency: Callable[..., LatencyRecord]) -> Table:
    return efficiency_table([count(), latency(), count("c3d", 38.5, caveats=("odd",))])


def test_document_has_every_cell_and_is_closed(table: Table) -> None:
    reader = _read(to_html(table))
    layout = lay_out(table)
    assert len(list(reader.of("th"))) == len(layout.headers)
    assert len(list(reader.of("td"))) == len(layout.headers) * len(layout.rows)
    assert [name for name, _ in reader.elements[:2]] == ["html", "head"]


def test_nothing_is_fetched_and_nothing_runs(table: Table) -> None:
    reader = _read(to_html(table))
    assert not {"script", "link", "iframe", "object"} & {name for name, _ in reader.elements}
    assert not [key for _, attributes in reader.elements for key in attributes if key.startswith("on")]
    policies = [meta["content"] for meta in reader.of("meta") if "http-equiv" in meta]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert "url(" not in to_html(table)


def test_quoted_and_measured_cells_are_of_different_classes_and_titles(table: Table) -> None:
    cells = list(_read(to_html(table)).of("td"))
    quoted = [cell for cell in cells if "quoted" in (cell.get("class") or "")]
    assert quoted
    assert all((cell["title"] or "").startswith("quoted: ") for cell in quoted)
    titles = {cell.get("title") for cell in cells}
    assert "measured: count record (torch), 2026-01-02 12:00:00 UTC, 0123456789ab (1 × 7.62 G)" in titles


def test_every_cell_says_what_it_rests_on_or_why_it_is_empty(table: Table) -> None:
    assert all(cell.get("title") for cell in _read(to_html(table)).of("td"))
    assert all(cell.get("title") for cell in _read(to_html(accuracy_table())).of("td"))


def test_every_cell_has_the_address_that_explain_takes(table: Table) -> None:
    addresses = [cell["data-cell"] for cell in _read(to_html(table)).of("td")]
    assert addresses[0] == "efficiency:1:title"
    assert addresses[-1] == f"efficiency:{len(table.frame)}:accuracy_on"
    assert len(set(addresses)) == len(addresses)


def test_quoted_cell_leads_to_its_source(table: Table) -> None:
    links = {link["href"] for link in _read(to_html(table)).of("a")}
    assert "https://arxiv.org/abs/2408.05421v2" in links


def test_every_footnote_mark_leads_to_its_note(table: Table) -> None:
    reader = _read(to_html(table))
    targets = {(link["href"] or "")[1:] for link in reader.of("a") if (link["href"] or "").startswith("#")}
    ids = {attributes["id"] for _, attributes in reader.elements if "id" in attributes}
    assert targets
    assert targets <= ids


def test_hostile_text_is_shown_as_it_is(count: Callable[..., CountRecord]) -> None:
    table = efficiency_table([count(title=HOSTILE, paper=HOSTILE, caveats=(HOSTILE,), notes=(HOSTILE,))])
    text = to_html(table)
    reader = _read(text)
    assert not {"script", "img"} & {name for name, _ in reader.elements}
    assert not [key for _, attributes in reader.elements for key in attributes if key == "onerror"]
    assert text.count("</style>") == 1
    assert "\x07" not in text
    assert any("<script>alert(1)</script>" in shown for shown in reader.texts)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", " https://x", "HTTPS//x", None])
def test_only_web_addresses_become_links(url: str | None) -> None:
    first = load_published()[0]
    source = Source(id="S", title="S", url=url, kind="paper")
    number = PublishedNumber.model_validate(first.model_dump() | {"source": source.model_dump()})
    frame = typed_frame([{"accuracy": 96.1, "origin": "quoted"}], {"accuracy": "Float64", "origin": "string"})
    columns = (Column(key="accuracy", header="%", origin="origin"),)
    evidence = ({ROW: Evidence(numbers=(number,))},)
    table = Table(name="t", title="T", caption="", frame=frame, columns=columns, evidence=evidence)
    assert list(_read(to_html(table)).of("a")) == []


def test_table_without_rows_says_so(count: Callable[..., CountRecord]) -> None:
    assert "Nothing to show" in to_html(accuracy_table((), ()))


def test_page_holds_its_pictures_and_keeps_its_blocks_in_order(table: Table) -> None:
    blocks = (
        Paragraph("first"),
        Heading("second"),
        Bullets(("<third>",)),
        Pointer("fourth", "classes"),
        Picture("fifth", "a caption", b"<svg/>"),
        table,
    )
    text = page_to_html(Page("title", blocks))
    reader = _read(text)
    places = [text.index(part) for part in ("first", "second", "&lt;third&gt;", "fourth", "a caption")]
    assert places == sorted(places)
    assert next(reader.of("img"))["src"] == "data:image/svg+xml;base64,PHN2Zy8+"
    assert "classes.html" in {link["href"] for link in reader.of("a")}
    assert len(list(reader.of("table"))) == 1

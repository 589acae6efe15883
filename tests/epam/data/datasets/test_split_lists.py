from __future__ import annotations

from pathlib import Path

import pytest

from epam.data.datasets.split_lists import ListedSample, read_split_list, write_split_list
from epam.errors import AnnotationError

TWO = (ListedSample("S001C001P001R001A001", 0), ListedSample("S001C001P003R001A060", 59))


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


def test_a_list_is_written_as_the_published_splitter_does(listed: Path) -> None:
    write_split_list(listed, TWO)
    assert listed.read_text() == "S001C001P001R001A001_rgb.mp4 0 \nS001C001P003R001A060_rgb.mp4 59 \n"


@pytest.mark.parametrize("ending", ["_rgb.mp4", "_rgb.avi", ".mp4", ""])
def test_what_is_written_is_read_back(listed: Path, ending: str) -> None:
    write_split_list(listed, TWO, ending=ending)
    assert read_split_list(listed) == TWO


def test_order_is_kept_and_a_sample_counts_once(listed: Path) -> None:
    listed.write_text("b.mp4 1\na.mp4 0\nb.mp4 1")
    assert read_split_list(listed) == (ListedSample("b", 1), ListedSample("a", 0))


def test_blank_lines_tabs_and_windows_line_ends_are_no_matter(listed: Path) -> None:
    listed.write_bytes(b"\xef\xbb\xbf\r\na.mp4\t0 \r\n\r\nb.mp4 1")
    assert read_split_list(listed) == (ListedSample("a", 0), ListedSample("b", 1))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a.mp4 0\nb.mp4\n", "line 2: 'b.mp4' is not '<video> <label>'"),
        ("a b.mp4 0\n", "line 1: 'a b.mp4 0' is not '<video> <label>'"),
        ("a.mp4 one\n", "line 1: label 'one'; give the class index, from 0"),
        ("a.mp4 -1\n", "label '-1'"),
        ("a.mp4 ²\n", "label '²'"),
        (f"a.mp4 {'9' * 5000}\n", "label '9999"),
        ("../a.mp4 0\n", "'../a.mp4' is not a plain file name; leave folders out"),
        ("C:a.mp4 0\n", "is not a plain file name"),
        (".mp4 0\n", "is not a plain file name"),
        ("...mp4 0\n", "is not a plain file name"),
        ("a\x1b[2J.mp4 0\n", "is not a plain file name"),
        ("a.mp4 0\na.mp4 1\n", "line 2: sample a has label 1, and 0 further up"),
        ("\n \n", "lists no samples"),
    ],
)
def test_malformed_lists_are_refused(listed: Path, content: str, complaint: str) -> None:
    listed.write_text(content, encoding="utf-8")
    with pytest.raises(AnnotationError, match=complaint) as caught:
        read_split_list(listed)
    assert str(caught.value).isprintable()

from __future__ import annotations

from epam_inference.plain_text import readable


def test_lines_become_one_and_spaces_stay() -> None:
    assert readable("a\nb\r\nc  d") == "a b c  d"


def test_characters_that_steer_a_terminal_are_shown_as_such() -> None:
    assert readable("a\x1b[2Jb") == "a�[2Jb"
    assert readable("hush (quite) – ’") == "hush (quite) – ’"

from __future__ import annotations

from epam.backends.engine_errors import first_line


def test_of_a_long_message_the_first_line_with_anything_in_it_is_told() -> None:
    assert first_line(RuntimeError("\n  it broke \n at a.cpp:1\n")) == "RuntimeError: it broke"


def test_an_error_without_a_message_is_told_by_its_kind() -> None:
    assert first_line(KeyError()) == "KeyError"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in first_line(ValueError("\x1b[31mred"))

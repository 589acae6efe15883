from __future__ import annotations

from epam.backends.library_check import missing_libraries


def test_what_is_there_is_not_missed() -> None:
    assert missing_libraries("torch", "numpy") is None


def test_what_is_missing_is_named_with_the_line_to_type() -> None:
    message = missing_libraries("torch", "no_such_library_a", "no_such_library_b")
    assert message is not None
    assert "no_such_library_a and no_such_library_b" in message
    assert message.endswith("pip install 'epam-bench[fast]'")


def test_another_line_can_be_given() -> None:
    assert (missing_libraries("no_such_library", install="brew install it") or "").endswith("brew install it")

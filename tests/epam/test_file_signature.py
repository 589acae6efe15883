from __future__ import annotations

import pytest

from epam.file_signature import describe_placeholder


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\xef\xbb\xbf\n  <HTML lang='en'>", "web page"),
        (b"<?xml version='1.0'?>", "web page"),
    ],
)
def test_placeholder_is_named_with_its_fix(head: bytes, said: str) -> None:
    problem = describe_placeholder(head)
    assert problem is not None
    assert said in problem


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\x80\x04\x95", b"version 1", b"<", b"\0\0\0\x18ftyp"])
def test_anything_else_is_not_judged(head: bytes) -> None:
    assert describe_placeholder(head) is None

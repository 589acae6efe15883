"""What a file that should be something else really is, from its first bytes."""

from __future__ import annotations

GIT_LFS_SIGNATURE = b"version https://git-lfs"


def describe_placeholder(head: bytes) -> str | None:
    """Say what stands in a file's place, with the fix; none if nothing known does.

    >>> describe_placeholder(b"")
    'the file is empty; download it again'
    """
    if not head:
        return "the file is empty; download it again"
    if head.startswith(GIT_LFS_SIGNATURE):
        return "a Git LFS pointer, not the file itself; run `git lfs pull`"
    start = head[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page, not the file itself (a login or error page was saved); download it again"
    return None

from __future__ import annotations

import pytest

from epam.data.preparation.shards import WHOLE, Shard
from epam.errors import InputError

NAMES = [f"S001C001P{performer:03}R001A001" for performer in range(1, 101)]


def test_every_name_is_in_exactly_one_share() -> None:
    shares = [Shard(number, 4) for number in (1, 2, 3, 4)]
    assert [sum(share.takes(name) for share in shares) for name in NAMES] == [1] * 100
    assert all(10 < sum(share.takes(name) for name in NAMES) < 40 for share in shares)


def test_a_names_share_does_not_depend_on_the_others() -> None:
    assert [name for name in NAMES if Shard(2, 3).takes(name)][:3] == [
        name for name in NAMES[:30] if Shard(2, 3).takes(name)
    ][:3]


def test_one_share_is_everything() -> None:
    assert all(WHOLE.takes(name) for name in NAMES)


def test_a_share_is_read_from_text() -> None:
    assert Shard.parse("3/8") == Shard(3, 8)


@pytest.mark.parametrize("text", ["", "3", "0/8", "9/8", "a/b", "1/0", "-1/2", "1/2/3", "١/٢"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--shard is .*like 3/8"):
        Shard.parse(text)

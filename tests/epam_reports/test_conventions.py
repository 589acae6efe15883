"""Conventions weigh a ledger; a search says which give a number and how likely that was by chance."""

from __future__ import annotations

import pytest

from epam_bench.records import LedgerEntry, OperationKind
from epam_reports.conventions import (
    FVCORE,
    FVCORE_TRAINING,
    LAYERS,
    LAYERWISE,
    NO_ATTENTION,
    PLAIN,
    RULE_OF,
    THOP,
    Convention,
    combinations,
    covered_length,
    search,
)


def _entry(kind: OperationKind, operation: str, macs: int = 0, elements: int = 0) -> LedgerEntry:
    return LedgerEntry(
        operation=operation,
        kind=kind,
        calls=1,
        macs=macs,
        elements=elements,
        bytes_read=0,
        bytes_written=0,
        weight_bytes=0,
    )


LEDGER = (
    _entry(OperationKind.CONVOLUTION, "convolution", macs=1_000_000, elements=5_000),
    _entry(OperationKind.MATRIX_PRODUCT, "addmm", macs=200_000, elements=400),
    _entry(OperationKind.ATTENTION, "_scaled_dot_product_attention", macs=30_000, elements=300),
    _entry(OperationKind.NORMALISATION, "native_batch_norm", elements=4_000),
    _entry(OperationKind.NORMALISATION, "native_layer_norm", elements=100),
    _entry(OperationKind.ACTIVATION, "relu", elements=2_000),
    _entry(OperationKind.POOLING, "mean", elements=50),
    _entry(OperationKind.ELEMENTWISE, "add", elements=700),
    _entry(OperationKind.DATA_MOVEMENT, "cat", elements=9_999),
)


@pytest.mark.parametrize(
    ("convention", "count"),
    [
        (PLAIN, 1_230_000),
        (FVCORE, 1_230_000 + 2 * 4_000 + 5 * 100 + 50),
        (FVCORE_TRAINING, 1_230_000 + 5 * 4_100 + 50),
        (THOP, 1_230_000 + 4 * 4_100 + 50),
        (LAYERWISE, 1_230_000 + 2 * 4_100 + 2_000 + 50),
        (NO_ATTENTION, 1_200_000),
        (LAYERS, 1_200_000),
    ],
)
def test_each_counters_rule_adds_what_it_says(convention: Convention, count: int) -> None:
    assert convention.count(LEDGER) == count


def test_products_with_a_graph_are_no_layers() -> None:
    graph = _entry(OperationKind.MATRIX_PRODUCT, "bmm", macs=7_000)
    assert (PLAIN.count([*LEDGER, graph]), LAYERS.count([*LEDGER, graph])) == (1_237_000, 1_200_000)


def test_moving_data_is_never_counted() -> None:
    moved = (_entry(OperationKind.DATA_MOVEMENT, "cat", elements=9_999),)
    assert {convention.count(moved) for convention in combinations()} == {0}


def test_counters_by_layer_know_rectifiers_and_no_swish() -> None:
    names = ("relu", "relu_", "leaky_relu", "elu", "silu", "gelu", "sigmoid")
    ledger = [_entry(OperationKind.ACTIVATION, name, elements=10**rank) for rank, name in enumerate(names)]
    assert LAYERWISE.count(ledger) == 1_111
    assert combinations()[4].count(ledger) == 1_111_111


def test_epam_nets_own_norms_give_what_fvcore_and_thop_print() -> None:
    """160,313,104 normed elements: fvcore prints 7.939 G and thop 8.259 G where torch has 7.618 G."""
    ledger = (
        _entry(OperationKind.CONVOLUTION, "convolution", macs=7_618_029_456),
        _entry(OperationKind.NORMALISATION, "batch_norm", elements=160_313_104),
    )
    assert FVCORE.count(ledger) == pytest.approx(7.939e9, abs=5e5)
    assert THOP.count(ledger) == pytest.approx(8.259e9, abs=5e5)


def test_there_are_24_combinations_and_each_says_what_it_adds() -> None:
    every = combinations()
    assert len({convention.words for convention in every}) == len(every) == 24
    assert every[0].words == "convolutions and matrix products"
    assert every[-1].words.endswith("2 × norm elements + activations + pooling + elementwise operations")


def test_search_finds_the_combination_that_was_planted() -> None:
    planted = 1_230_000 + 2 * 4_100 + 700
    result = search(LEDGER, planted, tolerance=0.5)
    assert [(found.words, count) for found, count in result.found] == [
        ("convolutions and matrix products + 2 × norm elements + elementwise operations", planted)
    ]
    assert result.tried == 24
    assert result.covered < 0.01


def test_search_of_a_coarse_number_says_that_nearly_every_number_would_have_been_found() -> None:
    result = search(LEDGER, 1_235_000, tolerance=1_000)
    assert result.found
    assert result.covered > 0.9


def test_search_says_honestly_that_there_is_none() -> None:
    result = search(LEDGER, 1_260_000, tolerance=100)
    assert (result.found, result.tried) == ((), 24)


def test_combinations_that_add_nothing_are_one() -> None:
    convolutions = LEDGER[:1]
    assert search(convolutions, 1_000_000, tolerance=0).tried == 1


def test_a_fork_has_the_rule_of_what_it_forked() -> None:
    assert RULE_OF["mmengine"] is RULE_OF["fvcore"] is FVCORE


@pytest.mark.parametrize(
    ("windows", "length"),
    [([], 0), ([(0, 1)], 1), ([(0, 2), (1, 3)], 3), ([(-5, 1), (9, 20)], 2), ([(2, 4), (2, 3), (6, 7)], 3)],
)
def test_covered_length_counts_overlaps_once_and_stays_inside(
    windows: list[tuple[float, float]], length: float
) -> None:
    assert covered_length(windows, 0, 10) == pytest.approx(length)

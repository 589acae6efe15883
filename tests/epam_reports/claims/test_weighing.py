"""What is wrong with a published number is named, whatever it is of; a wrong number is explained by nothing.

The numbers are those of real counts; each test plants one error in what is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest

from epam_bench.records import CountRecord, LedgerEntry, OperationKind
from epam_reports.claims import ClaimVerdict, Verdict, judge_claims
from epam_reports.published import PublishedNumber, Source, format_input

Count = Callable[..., CountRecord]

SOURCE = Source(id="PAPER", title="A paper", kind="paper")


@dataclass(frozen=True)
class Network:
    """One clip of a network: multiply-adds and elements of its operations in G, parameters and head."""

    name: str
    inputs: dict[str, tuple[int, ...]]
    crop: dict[str, tuple[int, ...]] | None
    macs: float
    normed: float
    activated: float
    parameters: int
    head: int
    clips: int
    crops: int
    norm: str = "batch_norm"
    activation: str = "relu"
    attention: float = 0.0
    classes: int = 400
    at_crop: float = 0.0

    @property
    def total(self) -> float:
        """What our counter gives."""
        return self.macs + self.attention


X3D = Network(
    "x3d_m", {"rgb": (3, 16, 224, 224)}, {"rgb": (3, 16, 256, 256)}, 4.732, 0.0831, 0.0562,
    3_794_322, 819_600, 10, 3, at_crop=6.181,
)  # fmt: skip
SLOWONLY = Network(
    "slowonly_r50", {"rgb": (3, 8, 224, 224)}, {"rgb": (3, 8, 256, 256)}, 41.741, 0.0897, 0.0775,
    32_454_096, 819_600, 10, 3, at_crop=54.518,
)  # fmt: skip
TIMESFORMER = Network(
    "timesformer", {"rgb": (3, 8, 224, 224)}, None, 180.0, 0.0446, 0.0578,
    121_566_352, 307_600, 1, 3, norm="layer_norm", attention=15.83,
)  # fmt: skip
POSEC3D = Network(
    "posec3d", {"heatmaps": (17, 48, 56, 56)}, {"heatmaps": (17, 48, 64, 64)}, 15.631, 0.0747, 0.0725,
    2_024_860, 30_780, 10, 1, classes=60, at_crop=20.416,
)  # fmt: skip
STGCN = Network(
    "stgcn", {"skeleton": (2, 100, 17, 3)}, None, 3.812, 0.0052, 0.0043,
    3_088_704, 15_420, 10, 1, classes=60,
)  # fmt: skip
EPAM = Network(
    "epam_net", {"rgb": (3, 16, 224, 224), "heatmaps": (17, 48, 56, 56)},
    {"rgb": (3, 16, 256, 256), "heatmaps": (17, 48, 64, 64)}, 7.618, 0.1603, 0.1565,
    2_538_717, 39_000, 1, 1, activation="silu", classes=60, at_crop=9.950,
)  # fmt: skip

ALL = (X3D, SLOWONLY, TIMESFORMER, POSEC3D, STGCN, EPAM)
CROPPED = tuple(network for network in ALL if network.crop)

of_all = pytest.mark.parametrize("network", ALL, ids=lambda network: network.name)
of_cropped = pytest.mark.parametrize("network", CROPPED, ids=lambda network: network.name)


@pytest.fixture
def judge(count: Count) -> Callable[..., ClaimVerdict]:
    """Judge one printed number of a network that was counted at its input and at its test crop."""

    def _judge(
        network: Network, value: float, *, digits: int = 2, metric: str = "macs", **changes: object
    ) -> ClaimVerdict:
        records = [_count(count, network, network.inputs, network.total)]
        if network.crop:
            records.append(_count(count, network, network.crop, network.at_crop))
        fields: dict[str, object] = {
            "catalogue_name": network.name,
            "model": network.name.upper(),
            "modality": "RGB",
            "metric": metric,
            "dataset": None,
            "split": None,
            "value": Decimal(f"{value:.{digits}f}"),
            "unit": "G" if metric == "macs" else "M",
            "convention": "MACs" if metric == "macs" else None,
            "input": format_input(network.inputs),
            "views": 1 if metric == "macs" else None,
            "source": SOURCE,
            "where": "table 1",
            "note": "",
        }
        (found,) = judge_claims(records, [PublishedNumber.model_validate(fields | changes)])
        return found

    return _judge


def _count(count: Count, network: Network, inputs: dict[str, tuple[int, ...]], total: float) -> CountRecord:
    times = total / network.total
    return count(
        network.name,
        total,
        counter="consensus",
        inputs=inputs,
        clips=network.clips,
        crops=network.crops,
        num_classes=network.classes,
        parameters=network.parameters,
        head_parameters=network.head,
        ledger=(
            _entry(OperationKind.CONVOLUTION, "convolution", macs=times * network.macs),
            _entry(OperationKind.ATTENTION, "attention", macs=times * network.attention),
            _entry(OperationKind.NORMALISATION, network.norm, elements=times * network.normed),
            _entry(OperationKind.ACTIVATION, network.activation, elements=times * network.activated),
        ),
    )


def _entry(kind: OperationKind, operation: str, *, macs: float = 0, elements: float = 0) -> LedgerEntry:
    return LedgerEntry(
        operation=operation,
        kind=kind,
        calls=1,
        macs=round(macs * 1e9),
        elements=round(elements * 1e9),
        bytes_read=0,
        bytes_written=0,
        weight_bytes=0,
    )


Judge = Callable[..., ClaimVerdict]


@of_all
def test_what_is_printed_right_holds(judge: Judge, network: Network) -> None:
    found = judge(network, network.total)
    assert (found.verdict, found.convention) == (Verdict.HOLDS, "our count, one view")
    found = judge(network, network.parameters / 1e6, metric="parameters")
    assert (found.verdict, found.convention) == (Verdict.HOLDS, "all parameters")


@of_all
def test_flops_printed_as_macs_are_a_mix_up(judge: Judge, network: Network) -> None:
    found = judge(network, 2 * network.total)
    assert found.verdict is Verdict.MAC_FLOP_MIX_UP
    assert "two FLOPs a multiply-add" in str(found.convention)


@of_all
def test_macs_printed_as_flops_are_a_mix_up_only_where_two_were_meant(judge: Judge, network: Network) -> None:
    assert judge(network, 2 * network.total, convention="FLOPs").verdict is Verdict.HOLDS
    found = judge(network, network.total, convention="FLOPs")
    assert found.verdict is Verdict.MAC_FLOP_MIX_UP
    assert "one FLOP a multiply-add" in str(found.convention)


@of_all
@pytest.mark.parametrize("views", [3, 4, 6, 10, 30])
def test_a_total_over_views_printed_as_one_view_is_a_mix_up(
    judge: Judge, network: Network, views: int
) -> None:
    found = judge(network, views * network.total)
    assert found.verdict is Verdict.VIEWS_MIX_UP
    assert f": {views} views" in str(found.convention)


@of_all
def test_one_view_printed_as_a_total_is_a_mix_up(judge: Judge, network: Network) -> None:
    assert judge(network, 12 * network.total, views=12).verdict is Verdict.HOLDS
    found = judge(network, network.total, views=12)
    assert found.verdict is Verdict.VIEWS_MIX_UP
    assert "1 view" in str(found.convention)


@of_all
def test_a_total_over_views_is_no_mix_up_where_none_are_printed_but_an_accuracys_are(
    count: Count, judge: Judge, network: Network
) -> None:
    found = judge(network, 7 * network.total, views=7, printed_views="not stated")
    assert found.verdict is Verdict.UNDER_SPECIFIED
    assert "missing: the views, the counter" in found.reason.lower()


@of_all
def test_a_billion_of_1024_cubed_is_another_convention(judge: Judge, network: Network) -> None:
    found = judge(network, network.total * 1e9 / 1024**3)
    assert found.verdict is Verdict.OTHER_CONVENTION
    assert "G as 1024³" in str(found.convention)


@of_all
def test_a_head_left_out_is_another_convention(judge: Judge, network: Network) -> None:
    found = judge(network, (network.parameters - network.head) / 1e6, digits=3, metric="parameters")
    assert (found.verdict, found.convention) == (Verdict.OTHER_CONVENTION, "head left out")


@of_all
def test_a_head_for_other_classes_is_another_convention(judge: Judge, network: Network) -> None:
    row = network.head // network.classes
    other = network.parameters + (600 - network.classes) * row
    found = judge(network, other / 1e6, digits=3, metric="parameters")
    assert found.verdict is Verdict.OTHER_CONVENTION
    assert "600 classes" in str(found.convention)


@of_cropped
def test_the_crop_of_the_test_printed_with_that_of_the_training_is_named(
    judge: Judge, network: Network
) -> None:
    found = judge(network, network.at_crop)
    assert found.verdict is Verdict.OTHER_CONVENTION
    side = max(shape[-1] for shape in (network.crop or {}).values())
    assert f"{side}×{side}" in str(found.convention)
    assert "a test crop" in str(found.convention)


@of_cropped
def test_the_crop_of_the_test_and_two_flops_are_both_named(judge: Judge, network: Network) -> None:
    found = judge(network, 2 * network.at_crop)
    assert found.verdict is Verdict.MAC_FLOP_MIX_UP
    assert "a test crop" in str(found.convention)


@of_all
def test_norms_counted_by_a_known_rule_are_another_convention(judge: Judge, network: Network) -> None:
    times = 5 if network.norm == "layer_norm" else 2
    found = judge(network, network.total + times * network.normed, digits=4)
    if times * network.normed > 0.01 * network.total:
        assert found.verdict is Verdict.OTHER_CONVENTION
        assert "fvcore's rule" in str(found.convention)
    else:
        # Within the 1 % that counters differ by: the claim holds, and what gives its digits is said.
        assert found.verdict is Verdict.HOLDS
        assert "To the printed digits: our count by fvcore's rule" in found.reason


def test_a_count_that_misses_fused_attention_is_another_convention(judge: Judge) -> None:
    found = judge(TIMESFORMER, TIMESFORMER.macs)
    assert found.verdict is Verdict.OTHER_CONVENTION
    assert "counters that miss fused attention" in str(found.convention)


@of_all
def test_a_batch_counted_as_one_clip_is_named(judge: Judge, network: Network) -> None:
    found = judge(network, 16 * network.total)
    assert found.verdict is Verdict.OTHER_CONVENTION
    assert "a batch of 16" in str(found.convention)


@of_all
@pytest.mark.parametrize("factor", [0.37, 0.6, 0.85, 1.19, 1.41, 1.7, 2.6, 3.5, 7.0, 23.0])
def test_a_number_that_is_altogether_wrong_is_explained_by_no_reading(
    judge: Judge, network: Network, factor: float
) -> None:
    found = judge(network, factor * network.total)
    assert (found.verdict, found.convention) == (Verdict.DOES_NOT_HOLD, None)
    assert found.measured == pytest.approx(network.total, rel=1e-6)
    assert f"none of {len(found.evidence)} readings" in found.reason.lower()


@of_all
@pytest.mark.parametrize("factor", [0.5, 0.8, 1.05, 1.3, 2.0])
def test_wrong_parameters_are_explained_by_no_reading(judge: Judge, network: Network, factor: float) -> None:
    found = judge(network, factor * network.parameters / 1e6, digits=3, metric="parameters")
    assert found.verdict is Verdict.DOES_NOT_HOLD


def test_a_sum_over_streams_is_told_from_one_stream_and_from_rounding_before_the_sum(judge: Judge) -> None:
    """Four streams of 3.812 G are 15.25 G; 3.8 G four times is 15.2 G."""
    assert judge(STGCN, 4 * 3.812, networks=4).verdict is Verdict.HOLDS
    one = judge(STGCN, 3.812, networks=4)
    assert (one.verdict, one.convention) == (Verdict.OTHER_CONVENTION, "our count: one of 4 networks")
    # 32.454 M are 32.5 M, which are 130.0 M four times, not 129.8 M.
    rounded = judge(SLOWONLY, 4 * 32.5, digits=1, metric="parameters", networks=4)
    assert rounded.verdict is Verdict.OTHER_CONVENTION
    assert "rounded before they were summed" in str(rounded.convention)


def test_two_equally_good_readings_are_both_told(count: Count) -> None:
    """A source that prints no input: at 8 and at 16 frames two rules come to the same 12.0 G."""
    records = [
        count("x3d_m", 10.0, counter="consensus", inputs={"rgb": (3, 16, 224, 224)}),
        count("x3d_m", 12.0, counter="consensus", inputs={"rgb": (3, 20, 224, 224)}),
        count("x3d_m", 12.0, counter="consensus", inputs={"rgb": (3, 16, 240, 240)}),
    ]
    claim = _bare_claim("x3d_m", "12.0")
    (found,) = judge_claims(records, [claim])
    assert found.verdict is Verdict.OTHER_CONVENTION
    assert "3×20×224×224" in found.reason
    assert "3×16×240×240" in found.reason


def test_a_number_so_coarse_that_any_reading_fits_is_explained_by_none(count: Count) -> None:
    """1 G may be all from 0.5 G to 1.5 G: two FLOPs a multiply-add, three views, another crop …"""
    records = [count("x3d_m", 0.47, counter="consensus", inputs={"rgb": (3, 16, 224, 224)})]
    (found,) = judge_claims(records, [_bare_claim("x3d_m", "1")])
    assert (found.verdict, found.convention) == (Verdict.UNDER_SPECIFIED, None)
    assert "explains nothing; missing: more digits" in found.reason
    (finer,) = judge_claims(records, [_bare_claim("x3d_m", "0.94")])
    assert finer.verdict is Verdict.MAC_FLOP_MIX_UP


def test_combinations_of_what_counters_add_are_searched_and_may_settle_a_number_of_many_digits(
    judge: Judge,
) -> None:
    """7.618 + 0.1565 G by the activations: no counter's rule, and 7.7745 in four digits."""
    found = judge(EPAM, 7.618 + 0.1565, digits=4)
    assert found.verdict is Verdict.OTHER_CONVENTION
    assert found.convention == "convolutions and matrix products + activations, one view"


def test_combinations_that_give_any_number_settle_none(judge: Judge) -> None:
    """8.1 G: twice the norms and the activations are 8.095 G, but six combinations cover all between."""
    found = judge(EPAM, 8.1, digits=1)
    assert (found.verdict, found.convention) == (Verdict.UNDER_SPECIFIED, None)
    assert "2 × norm elements + activations, one view: 8.095" in found.reason
    assert "this alone explains nothing" in found.reason
    assert "which counter it is by" in found.reason


def test_a_number_that_no_combination_gives_says_how_many_were_tried(judge: Judge) -> None:
    found = judge(EPAM, 8.2215, digits=4)
    assert found.verdict is Verdict.UNDER_SPECIFIED
    assert "6 combinations of what counters add, none gives it" in found.reason


def _bare_claim(name: str, value: str, **changes: object) -> PublishedNumber:
    fields: dict[str, object] = {
        "catalogue_name": name,
        "model": name.upper(),
        "modality": "RGB",
        "metric": "macs",
        "dataset": None,
        "split": None,
        "value": Decimal(value),
        "unit": "G",
        "convention": "MACs",
        "input": "rgb 3x16x224x224",
        "views": 1,
        "source": SOURCE,
        "where": "table 1",
        "note": "",
    }
    return PublishedNumber.model_validate(fields | changes)

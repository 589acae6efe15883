"""The published numbers are read as printed, and a malformed file says where it is wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest

from epam_reports.published import (
    PublishedDataError,
    PublishedNumber,
    format_input,
    load_published,
    parse_input,
    select,
)

Load = Callable[..., tuple[PublishedNumber, ...]]

HEADER = (
    "catalogue_name,model,modality,metric,dataset,split,value,"
    "unit,convention,input,views,source_id,where,note"
)
SOURCES = '[PAPER]\ntitle = "A paper"\nkind = "paper"\n'

CATALOGUE = {
    "epam_net", "x_shiftnet_rgb", "x_shiftnet_pose", "r3d_18", "mc3_18", "r2plus1d_18", "s3d",
    "mvit_v2_s", "swin3d_t", "c3d", "x3d_m", "slowonly_r50", "posec3d", "timesformer",
    "i3d_r50", "slowfast_r50_4x16", "slowfast_r50_8x8", "slowonly_r50_4x16", "x3d_xs", "x3d_s", "x3d_l",
    "r2plus1d_r34", "csn_r50", "tsn_r50", "tsm_r50", "tsm_mobilenet_v2", "timesformer_16f", "videomae_b",
    "c3d_pose", "x3d_pose", "x3d_shallow_pose", "stgcn", "stgcn_pp", "agcn", "agcn_2s", "ctrgcn",
    "rgbpose_conv3d", "epam_net_v1", "vpn", "mmnet", "pi_vit", "ms_g3d",
}  # fmt: skip


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def _load(*rows: str, header: str = HEADER, sources: str = SOURCES) -> tuple[PublishedNumber, ...]:
        (tmp_path / "n.csv").write_text("\n".join((header, *rows)) + "\n")
        (tmp_path / "s.toml").write_text(sources)
        return load_published(tmp_path / "n.csv", tmp_path / "s.toml")

    return _load


def test_printed_digits_survive() -> None:
    (flops,) = select(load_published(), model="pi-ViT", metrics=("macs",))
    assert flops.value == Decimal("590.0")
    assert str(flops.value) == "590.0"
    assert flops.half_last_digit == pytest.approx(0.05)
    assert flops.views == 3


def test_papers_own_accuracies_are_there_with_their_views() -> None:
    found = select(load_published(), catalogue_name="epam_net", metrics=("top1", "mean_class_accuracy"))
    assert [str(number.value) for number in found] == [
        "96.1", "99.0", "92.4", "94.3", "96.2", "98.4", "71.7", "67.8",
    ]  # fmt: skip
    assert {number.views for number in found} == {1}


def test_table_1_competitors_are_quoted_and_not_in_the_catalogue() -> None:
    quoted = [number for number in load_published() if number.source.id == "EPAM-TABLE1"]
    assert {number.model: str(number.value) for number in quoted if number.catalogue_name is None} == {
        "VPN": "107.9",
        "VPN++": "125.8",
        "MMNet": "89.2",
        "TCEM-MMNet": "85.4",
        "pi-ViT": "590.0",
    }


def test_every_catalogue_name_is_one_of_ours() -> None:
    assert {number.counted_name for number in load_published() if number.counted_name} <= CATALOGUE


def test_competitors_parameter_count_is_not_invented() -> None:
    assert select(load_published(), model="pi-ViT", metrics=("parameters",)) == ()


def test_shapes_are_sorted_and_comparable() -> None:
    number = select(load_published(), catalogue_name="epam_net", metrics=("macs",))[0]
    assert number.shapes == ((3, 16, 224, 224), (17, 48, 56, 56))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",M,RGB,macs,,,ten,G,,,1,PAPER,t,", r"n\.csv, line 2: field 'value'"),
        (",M,RGB,macs,,,nan,G,,,1,PAPER,t,", r"n\.csv, line 2: field 'value'"),
        (",M,RGB,macs,,,-1,G,,,1,PAPER,t,", r"n\.csv, line 2: field 'value'"),
        (",M,RGB,flops,,,10,G,,,1,PAPER,t,", r"n\.csv, line 2: field 'metric'"),
        (",M,RGB,macs,,,10,M,,,1,PAPER,t,", r"n\.csv, line 2: .*unit of macs is 'G'"),
        (",M,RGB,top1,,,10,%,,,1,PAPER,t,", r"n\.csv, line 2: .*needs dataset and split"),
        (",M,RGB,top1,D,S,101,%,,,1,PAPER,t,", r"n\.csv, line 2: .*at most 100"),
        (",M,RGB,macs,,,10,G,,16x224,1,PAPER,t,", r"n\.csv, line 2: field 'input'"),
        (",M,RGB,macs,,,10,G,,,0,PAPER,t,", r"n\.csv, line 2: field 'views'"),
        (",M,RGB,macs,,,10,G,,,1,BLOG,t,", r"n\.csv, line 2: field 'source_id': 'BLOG'"),
        (",M,RGB,macs,,,10,G,,,1,PAPER,t,,surplus", r"n\.csv, line 2: more fields"),
        (",M,RGB,macs,,,10,G", r"n\.csv, line 2: field 'source_id'"),
    ],
)
def test_malformed_row_names_file_line_and_field(load: Load, row: str, message: str) -> None:
    with pytest.raises(PublishedDataError, match=message):
        load(row)


def test_unknown_column_is_refused(load: Load) -> None:
    with pytest.raises(PublishedDataError, match="field 'colour'"):
        load(",M,RGB,macs,,,10,G,,,1,PAPER,t,,red", header=HEADER + ",colour")


def test_malformed_sources_are_refused(load: Load) -> None:
    with pytest.raises(PublishedDataError, match=r"s\.toml, source PAPER: field 'kind'"):
        load(sources='[PAPER]\ntitle = "A paper"\nkind = "rumour"\n')
    with pytest.raises(PublishedDataError, match=r"s\.toml"):
        load(sources="[PAPER")


def test_source_that_is_missing_or_misspelt_is_told_how_to_mend(load: Load) -> None:
    with pytest.raises(
        PublishedDataError, match="field 'source_id' is missing; give a source's id, or add it"
    ):
        load(",M,RGB,macs,,,10,G,,,1,,t,")
    with pytest.raises(PublishedDataError, match=r"'PAPR' is not among the sources.*perhaps 'PAPER'"):
        load(",M,RGB,macs,,,10,G,,,1,PAPR,t,")


def test_columns_that_are_not_there_are_named_at_once(load: Load) -> None:
    with pytest.raises(PublishedDataError, match=r"n\.csv, line 1: no column catalogue_name, model, .*note;"):
        load("1,2", header="a,b")


@pytest.mark.parametrize("header", [HEADER, ""])
def test_a_file_without_a_number_is_refused(load: Load, header: str) -> None:
    with pytest.raises(PublishedDataError, match=r"n\.csv(: holds no number|, line 1: no column)"):
        load(header=header)


def test_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PublishedDataError, match=r"^none\.csv: cannot be read") as raised:
        load_published(tmp_path / "none.csv")
    assert "\n" not in str(raised.value)


def test_slowonly_is_filed_at_the_crop_of_its_test() -> None:
    at_crop = select(load_published(), catalogue_name="slowonly_r50", shapes=((3, 8, 256, 256),))
    found = [number for number in at_crop if number.source.id == "MMA2"]
    assert {(number.metric, str(number.value)) for number in found} == {("top1", "75.15"), ("macs", "54.75")}
    assert {number.stated_input for number in found} == {"rgb 3x8x224x224"}
    assert all("224x224, the training crop" in number.note for number in found)


def test_counter_is_only_what_the_source_names() -> None:
    numbers = select(load_published(), metrics=("macs",))
    assert {number.source.id for number in numbers if number.counter == "fvcore"} == {"PTV", "PYSLOWFAST"}
    assert {number.counter for number in numbers if number.source.id == "MMA2"} == {None}


def test_every_count_of_the_file_says_whether_its_counter_is_stated() -> None:
    rows = csv.DictReader((files("epam_reports.published") / "numbers.csv").read_text().splitlines())
    counts = [row for row in rows if row["metric"] == "macs"]
    assert len(counts) > 40
    assert all(row["printed_counter"] for row in counts)


def test_there_are_enough_claims_and_sources() -> None:
    claims = [number for number in load_published() if number.source.is_published]
    costs = [number for number in claims if number.metric not in ("top1", "mean_class_accuracy")]
    assert len(costs) >= 60
    assert len({number.source.id for number in claims}) >= 12


def test_no_number_is_filed_twice() -> None:
    keys = [
        (
            number.model,
            number.metric,
            number.protocol,
            number.input,
            number.views,
            number.source.id,
            number.where,
            number.modality,
            number.value if number.metric.endswith("ratio") else None,
        )
        for number in load_published()
    ]
    assert len(set(keys)) == len(keys)


def test_what_the_source_prints_is_told_from_what_we_infer() -> None:
    (cost,) = select(load_published(), model="pi-ViT", metrics=("macs",))
    assert (cost.input, cost.stated_input) == ("rgb 3x8x224x224", "")
    assert (cost.views, cost.stated_views) == (3, None)
    (own,) = select(load_published(), catalogue_name="epam_net", metrics=("macs",))
    assert (own.stated_input, own.stated_views) == (own.input, 1)


def test_input_reads_and_writes_the_same() -> None:
    for text in {number.input for number in load_published()}:
        assert format_input(parse_input(text)) == text


def test_columns_that_only_claims_need_may_be_left_out(load: Load) -> None:
    (number,) = load(",M,RGB,macs,,,10,G,,,1,PAPER,t,")
    assert (number.printed_counter, number.networks, number.against) == ("not stated", 1, None)


def test_columns_of_claims_are_checked(load: Load) -> None:
    header = HEADER + ",printed_views,networks,against,build_options,printed_counter"
    row = ",M,RGB,macs,,,10,G,,,1,PAPER,t,"
    (number,) = load(f"{row},not stated,4,,layout=ntu,fvcore", header=header)
    assert (number.stated_views, number.networks, number.counter) == (None, 4, "fvcore")
    assert number.build_options == {"layout": "ntu"}
    for rest, message in (
        ("0,,,,", "field 'printed_views"),
        (",0,,,", "field 'networks'"),
        (",,Other,,", "only a ratio is against another model"),
        (",,,layout,", "field 'build_options'"),
        (",,,,abacus", "field 'printed_counter'"),
    ):
        with pytest.raises(PublishedDataError, match=message):
            load(f"{row},{rest}", header=header)

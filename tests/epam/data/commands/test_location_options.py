from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from epam.data.commands.location_options import (
    AnnotationsOption,
    DatasetOption,
    LocationOptions,
    ProtocolOption,
    location_from_options,
)
from epam.data.data_root import DataLocation


def test_options_become_a_location() -> None:
    expected = DataLocation(dataset="ntu60", protocol="xsub", annotations=(Path("a.pkl"),), videos=Path("v"))
    options = {
        "dataset": "ntu60",
        "protocol": "xsub",
        "annotations": [Path("a.pkl")],
        "videos": Path("v"),
    }
    assert location_from_options(**options) == expected
    assert LocationOptions(**options).location == expected


def test_annotations_can_be_given_repeatedly() -> None:
    app = typer.Typer()
    seen: list[DataLocation] = []

    @app.command()
    def read(dataset: DatasetOption, protocol: ProtocolOption, annotations: AnnotationsOption = None) -> None:
        seen.append(location_from_options(dataset=dataset, protocol=protocol, annotations=annotations))

    arguments = ["-d", "ntu60", "-p", "xsub", "--annotations", "a.pkl", "--annotations", "b.pkl"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert seen[0].annotations == (Path("a.pkl"), Path("b.pkl"))


@pytest.mark.parametrize("field", DataLocation.__dataclass_fields__)
def test_every_field_of_a_location_has_an_option(field: str) -> None:
    assert field in LocationOptions.__dataclass_fields__

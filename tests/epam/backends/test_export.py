"""Formats are found by name, and each says what it is written in and how its file is called."""

from __future__ import annotations

import ast

import pytest

from epam.backends.export import find_format, list_formats
from epam.errors import UnknownNameError


def test_formats_have_names_of_their_own_and_lines_that_run_their_files() -> None:
    formats = [find_format(name) for name in list_formats()]
    assert [form.name for form in formats] == ["onnx", "openvino", "torchexport"]
    assert [form.suffix for form in formats] == [".onnx", ".xml", ".pt2"]
    for form in formats:
        assert "fp32" in form.precisions
        names = {node.id for node in ast.walk(ast.parse(form.loading)) if isinstance(node, ast.Name)}
        assert {"FILE", "inputs", "outputs"} <= names
        assert form.loading.startswith(f"import {form.libraries[0]}\n")


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'onnx'"):
        find_format("onx")

"""`epam-bench models`: the catalogue as a table."""

from __future__ import annotations

from epam_bench.commands.options import Format, FormatOption, OutputFile


def models(output_format: FormatOption = Format.TABLE, output: OutputFile = None) -> None:
    """List every model: its paper, inputs, views and classes.

    Views are the clips × crops behind a model's published accuracy; costs are printed for one
    view unless said otherwise.

    Example: epam-bench models --format csv -o models.csv
    """
    from epam_bench.catalogue_table import catalogue_table
    from epam_bench.commands.output import emit

    emit([catalogue_table()], output_format=output_format, output=output)

"""One file a format: a table goes in, text comes out, and nothing is written."""

from epam_reports.exporters.csv_file import to_csv
from epam_reports.exporters.json_file import to_json
from epam_reports.exporters.latex import to_latex
from epam_reports.exporters.markdown import to_markdown

__all__ = ["to_csv", "to_json", "to_latex", "to_markdown"]

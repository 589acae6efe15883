"""One file a format: a table goes in, text comes out, and nothing is written."""

from epam_reports.exporters.csv_file import to_csv
from epam_reports.exporters.html_file import page_to_html, to_html
from epam_reports.exporters.json_file import to_json
from epam_reports.exporters.latex import to_latex
from epam_reports.exporters.markdown import page_to_markdown, to_markdown

__all__ = ["page_to_html", "page_to_markdown", "to_csv", "to_html", "to_json", "to_latex", "to_markdown"]

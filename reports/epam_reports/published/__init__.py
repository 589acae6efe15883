"""Numbers that others published about the models we measure, each with its source."""

from epam_reports.published.published_number import (
    PublishedDataError,
    PublishedNumber,
    Source,
    format_input,
    load_published,
    load_sources,
    parse_input,
    select,
)

__all__ = [
    "PublishedDataError",
    "PublishedNumber",
    "Source",
    "format_input",
    "load_published",
    "load_sources",
    "parse_input",
    "select",
]

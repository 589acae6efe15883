"""Numbers that others published about the models we measure, each with its source."""

from epam_reports.published.published_number import (
    PublishedDataError,
    PublishedNumber,
    Source,
    load_published,
    select,
)

__all__ = ["PublishedDataError", "PublishedNumber", "Source", "load_published", "select"]

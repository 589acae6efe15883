"""The tables of a report, one a file: efficiency, counters, latency, claims, published accuracies."""

from epam_reports.tables.accuracy import accuracy_table
from epam_reports.tables.claim_verdicts import claims_table
from epam_reports.tables.counters import counters_table
from epam_reports.tables.efficiency import efficiency_table
from epam_reports.tables.latency import latency_table

__all__ = ["accuracy_table", "claims_table", "counters_table", "efficiency_table", "latency_table"]

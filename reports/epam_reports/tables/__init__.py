"""The tables of a report, one a file: cost, speed, accuracy, what was claimed, what each part is worth."""

from epam_reports.tables.ablation import ablation_table
from epam_reports.tables.accuracy import accuracy_table
from epam_reports.tables.best_backends import best_backends_table
from epam_reports.tables.claim_verdicts import claims_table
from epam_reports.tables.classes import classes_table
from epam_reports.tables.comparison import RunComparison, comparison_table
from epam_reports.tables.counters import counters_table
from epam_reports.tables.data_set import data_set_table
from epam_reports.tables.efficiency import efficiency_table
from epam_reports.tables.latency import latency_table
from epam_reports.tables.memory import memory_table
from epam_reports.tables.networks import networks_table
from epam_reports.tables.pipeline import pipeline_steps_table, pipeline_table
from epam_reports.tables.printed_costs import printed_costs_table
from epam_reports.tables.roofline import roofline_table
from epam_reports.tables.speed import speed_table
from epam_reports.tables.timing import timing_tables

__all__ = [
    "RunComparison",
    "ablation_table",
    "accuracy_table",
    "best_backends_table",
    "claims_table",
    "classes_table",
    "comparison_table",
    "counters_table",
    "data_set_table",
    "efficiency_table",
    "latency_table",
    "memory_table",
    "networks_table",
    "pipeline_steps_table",
    "pipeline_table",
    "printed_costs_table",
    "roofline_table",
    "speed_table",
    "timing_tables",
]

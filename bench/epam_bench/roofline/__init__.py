"""Where a network's time goes, operation by operation, beside what this machine could do."""

from epam_bench.roofline.measurement import BuiltNetwork, count_steps, measure_roofline

__all__ = ["BuiltNetwork", "count_steps", "measure_roofline"]

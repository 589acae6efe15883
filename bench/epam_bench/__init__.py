"""Plan, measure, record: the `epam-bench` command."""

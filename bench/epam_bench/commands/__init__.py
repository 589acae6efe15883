"""The subcommands of `epam-bench`, one a file."""

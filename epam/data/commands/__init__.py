"""The ``epam-data`` command, one subcommand a file."""

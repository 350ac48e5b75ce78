"""The command line: one file per command, assembled in :mod:`mt.cli.main`."""

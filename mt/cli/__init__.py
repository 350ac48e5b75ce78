"""The command line door: one file per command, assembled in :mod:`mt.cli.main`."""

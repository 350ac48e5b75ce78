"""What can go wrong, as a tree.

    MtError                  an error the user can mend: one line on stderr, exit code 2
    ├── ConfigError          a recipe or an override that does not fit
    ├── DataError            a corpus, an input or an output that cannot be used
    ├── BundleError          a directory that is no model, or a damaged one
    └── TrainingError        a run that cannot start, go on or be resumed

Every message follows one grammar: *where: what was expected, but what came; what to do.*
Programming errors are ordinary Python exceptions and keep their traceback.
"""


class MtError(Exception):
    """An error the user can mend; its text is the whole message."""


class ConfigError(MtError):
    """A recipe or an override does not fit the schema."""


class DataError(MtError):
    """A corpus, an input or an output cannot be used."""


class BundleError(MtError):
    """A directory is not a model, or its files are damaged."""


class TrainingError(MtError):
    """A run cannot start, go on or be resumed."""

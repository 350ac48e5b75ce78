"""Start the command line, whether run as ``python data/phrasebook`` or ``python -m phrasebook``."""

import sys
from pathlib import Path

if not __package__:
    # Run as a folder: the package is found beside it, and its modules only through it.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from phrasebook.command import main

if __name__ == "__main__":
    sys.exit(main())

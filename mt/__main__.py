"""Start the command line as ``python -m mt``, which works where no script is installed."""

from mt.cli.main import main

if __name__ == "__main__":
    main()

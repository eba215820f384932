"""Run the command line as ``python -m falsetrue``."""

from falsetrue.cli.app import main

if __name__ == "__main__":
    main()

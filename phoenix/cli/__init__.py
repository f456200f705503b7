"""The command line: thin over the services; data on standard output, everything else on standard error."""

import sys


def main() -> None:
    """Run the command line and translate errors, once, here."""
    from phoenix.cli.app import run

    sys.exit(run())

"""`python -m glbc` is `glbc`."""

import sys

from glbc.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m pyqsim``: the command line without its script."""

import sys

from pyqsim.cli import main

if __name__ == "__main__":
    sys.exit(main())

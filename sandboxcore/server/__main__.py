"""``python -m sandboxcore.server``."""

import sys

from sandboxcore.server.cli import main

if __name__ == "__main__":
    sys.exit(main())

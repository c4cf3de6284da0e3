"""``python -m sandboxcore.cli``."""

import sys

from sandboxcore.cli.main import main

sys.exit(main())

#!/usr/bin/env python
"""Entry point of the console's commands; ``manage.py help`` lists them."""

import os
import sys


def main() -> None:
    """Run one command line of the console."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

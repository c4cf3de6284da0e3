"""Where vendored assets lie below ``static/``; ``static/vendor/VENDORED.json`` lists their files and hashes."""

TABLER = "vendor/tabler-core-1.6.1"
BOOTSTRAP = "vendor/bootstrap-5.3.8"
"""The scripts of the kit's base alone: the kit's own add 16 KB for parts that no page has."""
HTMX = "vendor/htmx-2.0.11"
IDIOMORPH = "vendor/idiomorph-0.8.0"
ICONS = "vendor/tabler-icons-3.51.0"

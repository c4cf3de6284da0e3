"""Where vendored assets lie below ``static/``; ``static/vendor/VENDORED.json`` lists their files and hashes."""

TABLER = "vendor/tabler-core-1.6.1"
HTMX = "vendor/htmx-2.0.11"
IDIOMORPH = "vendor/idiomorph-0.8.0"
ICONS = "vendor/tabler-icons-3.51.0"

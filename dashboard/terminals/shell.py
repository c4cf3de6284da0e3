"""Which shell a terminal runs, and what it tells the page by itself.

A login shell, so that the image's and the user's own profiles hold; bash, or where an image has none sh. It starts in
the sandbox user's home. Nothing of the user's is touched: bash says its folder at each prompt (OSC 7) because
``PROMPT_COMMAND`` is in its environment, which a profile that sets its own replaces.
"""

from __future__ import annotations

SHELL = 'SHELL="$(command -v bash || command -v sh)"; export SHELL; exec "$SHELL" -l'
"""Run by ``/bin/sh``, which every image with a shell has."""
ENVIRONMENT = {
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
    "LANG": "C.UTF-8",
    "TERM_PROGRAM": "sandbox-console",
    # Control characters in a folder's name must not end the sequence.
    "PROMPT_COMMAND": r"""printf '\033]7;file://%s%s\033\\' "$HOSTNAME" "${PWD//[[:cntrl:]]/?}" """.strip(),
}

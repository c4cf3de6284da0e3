"""Write the hashes of vendored assets into ``static/vendor/VENDORED.json``.

    python -m tools.vendored

A package is entered by hand first, with its name, version, licence and folder; this fills in its files. A test checks
that the list and the folders agree.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a package's folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main() -> int:
    """Rewrite the list."""
    listed = VENDOR / "VENDORED.json"
    packages = json.loads(listed.read_text(encoding="utf-8"))
    for package in packages:
        package["files"] = hashes(VENDOR / package["folder"])
    listed.write_text(json.dumps(packages, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

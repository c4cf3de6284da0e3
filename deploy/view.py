"""How a service is started: as its own user, with its code and its data at paths that this user can reach."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.config import APP_DIR, Config, ConfigurationError, acts_as_root
from deploy.preflight import make_folder

if TYPE_CHECKING:
    import pwd
    from collections.abc import Sequence
    from pathlib import Path

DROP = APP_DIR / "deploy" / "drop.py"


@dataclass(frozen=True)
class View:
    """One service's world: the user it becomes, and where it finds the project and its own state folder."""

    user: pwd.struct_passwd
    app: Path
    state: Path
    binds: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs the project's Python with ``arguments`` in this view."""
        return self.wrap(str(self.app / ".venv/bin/python"), *arguments)

    def wrap(self, *program: str) -> list[str]:
        """The command line that runs ``program`` in this view."""
        if not acts_as_root():
            return list(program)
        return [sys.executable, "-I", "-S", str(DROP), self.user.pw_name, *self.binds, "--", *program]


def make_view(config: Config, name: str, user: pwd.struct_passwd) -> View:
    """Prepare the state folder ``name`` and the service's way to it. Raises ``ConfigurationError``."""
    state = config.state_dir / name
    make_folder(state, user, 0o700)
    if not acts_as_root():
        return View(user, APP_DIR, state)
    mounted = _mounted_view(config, name, user, state)
    if mounted is not None:
        return mounted
    # No right to mount (a locked-down container): good enough wherever the user can reach the folders as they are.
    plain = View(user, APP_DIR, state)
    for path, test in ((APP_DIR / ".venv/bin/python", "-x"), (state, "-w")):
        if not _succeeds(plain.wrap("/usr/bin/test", test, str(path))):
            raise ConfigurationError(
                f"the user {user.pw_name} cannot reach {path}, and this machine lets nobody mount it elsewhere; "
                "put the project (and STATE_DIR) into a folder that every user may enter, such as /srv."
            )
    return plain


def _mounted_view(config: Config, name: str, user: pwd.struct_passwd, state: Path) -> View | None:
    root = config.run_dir / "view" / name
    app_target, state_target = root / "app", root / "state"
    for folder in (app_target, state_target):
        folder.mkdir(parents=True, exist_ok=True)
    view = View(user, app_target, state_target, (f"{APP_DIR}={app_target}:ro", f"{state}={state_target}"))
    return view if _succeeds(view.wrap("/usr/bin/test", "-x", str(app_target / ".venv/bin/python"))) else None


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

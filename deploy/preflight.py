"""What must hold before anything is started; each failure is one line that says what to do."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import socket
import stat
import subprocess
from itertools import combinations
from typing import IO, TYPE_CHECKING

from deploy.config import Config, ConfigurationError, acts_as_root

if TYPE_CHECKING:
    from pathlib import Path


def take_lock(config: Config) -> IO[str]:
    """Make the state folder and hold its lock for as long as the returned file is open.

    Raises ``ConfigurationError``.
    """
    try:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        lock = config.lock_file.open("a+")
    except OSError as error:
        raise ConfigurationError(
            f"the state folder {config.state_dir} cannot be used ({error.strerror}: {error.filename}); "
            "mend its permissions or set STATE_DIR to another folder."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "?"
        lock.close()
        raise ConfigurationError(
            f"`make up` already runs on {config.state_dir} (process {holder}); "
            "end it first (`make down`), or give a second one STATE_DIR, CONSOLE_PORT, SANDBOXD_PORT and "
            "SANDBOXD_SERVICE_PORT of its own."
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def check_ports(config: Config) -> None:
    """Raise ``ConfigurationError`` where a port is taken or may not be used."""
    places = (
        ("CONSOLE", config.console_host, config.console_port),
        ("SANDBOXD", config.sandboxd_host, config.sandboxd_port),
        ("SANDBOXD_SERVICE", config.service_host, config.service_port),
    )
    for (one, *place), (other, *same) in combinations(places, 2):
        if place == same:
            raise ConfigurationError(f"{one}_PORT and {other}_PORT are both {place[1]}; give two ports.")
    for name, host, port in places:
        try:
            with socket.create_server((host, port)):
                pass
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {host}:{port} ({error.strerror}); end what uses it (`ss -ltnp 'sport = :{port}'` "
                f"names it), or choose another: {name}_PORT={port + 100} make up"
            ) from None


def service_user(name: str) -> pwd.struct_passwd:
    """The unprivileged user that a service runs as, made if missing; the caller itself where it is not root."""
    if not acts_as_root():
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    command = [
        "useradd",
        "--system",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/usr/sbin/nologin",
    ]
    done = subprocess.run([*command, name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ConfigurationError(f"could not make the user {name}, as which a service runs: {done.stderr.strip()}")
    return pwd.getpwnam(name)


def make_folder(path: Path, owner: pwd.struct_passwd, mode: int) -> None:
    """Make ``path`` with this owner and mode, or mend it. Raises ``ConfigurationError``."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise ConfigurationError(f"{path} is in the way: a folder is needed there; move it away.")
        if acts_as_root() and (found.st_uid, found.st_gid) != (owner.pw_uid, owner.pw_gid):
            shutil.chown(path, owner.pw_uid, owner.pw_gid)
        elif not acts_as_root() and found.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{path} belongs to user {found.st_uid}, not to you; remove it or set RUN_DIR or STATE_DIR."
            )
        path.chmod(mode)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {path} cannot be used ({error.strerror}); mend it or set STATE_DIR (or RUN_DIR) to another."
        ) from None

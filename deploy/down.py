"""`make down`: end `make up` if it runs, then every sandbox that it left."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import IO

from deploy.config import APP_DIR, Config, ConfigurationError, load

WAIT = 30.0


def end_supervisor(config: Config, lock: IO[str]) -> None:
    """Ask a running `make up` to end and wait until its lock is free. Raises ``ConfigurationError``."""
    deadline = time.monotonic() + WAIT
    asked = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            if not asked and holder.isdigit():
                print(f"down: ending `make up` (process {holder})")
                os.kill(int(holder), signal.SIGTERM)
                asked = True
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"`make up` (process {holder}) did not end within {WAIT:.0f} s; kill it and try again."
                ) from None
            time.sleep(0.1)
        else:
            return


def end_sandboxes(config: Config) -> int:
    """End all sandboxes of this installation; returns the cleaner's exit code."""
    command = [sys.executable, "-m", "sandboxcore.runtimes.cleanup", config.runtime, str(config.run_dir)]
    if config.runtime == "namespaces":
        # Its own cleaner needs no host: it goes by the records that the host left.
        command[2:] = ["sandboxcore.runtimes.namespaces.cleanup"]
        command += [f"--run-dir={config.run_dir}", f"--state-dir={config.state_dir / 'host'}"]
    return subprocess.run(command, cwd=APP_DIR, check=False).returncode


def main() -> int:
    """Entry point of `make down`."""
    try:
        config = load()
        if not config.lock_file.exists():
            print(f"down: nothing was ever started in {config.state_dir}")
            return 0
        with config.lock_file.open("r") as lock:
            end_supervisor(config, lock)
            code = end_sandboxes(config)
            if code == 0:
                shutil.rmtree(config.run_dir, ignore_errors=True)
    except (ConfigurationError, PermissionError) as error:
        print(f"down: {error}", file=sys.stderr)
        return 2
    print("down: everything is ended; databases and volumes are kept in " + str(config.state_dir))
    return code


if __name__ == "__main__":
    sys.exit(main())

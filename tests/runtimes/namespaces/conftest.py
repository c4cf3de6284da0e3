"""A host for all tests of this folder, hosts that a test may kill, and ways to look for what a sandbox left behind."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandboxcore.runtimes.base import Resources, SandboxSpec
from sandboxcore.runtimes.namespaces import host as host_module
from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime
from tests.shim.peer import Outcome, close_all, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sandboxcore.runtimes.base import RuntimeSandbox

MIB = 1 << 20
RESOURCES = Resources(cpu_millis=1000, memory_bytes=256 * MIB, storage_bytes=64 * MIB, pids=64)
PATIENCE = 20.0

needs_root = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="making sandboxes with all limits needs root on Linux"
)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition; fails naming it when it does not come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.005)


def backing_files() -> dict[str, str]:
    """The file behind each loop device of this machine, by the device's name."""
    found = {}
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        # Others let go of their devices at any time.
        with contextlib.suppress(OSError):
            found[path.parts[3]] = path.read_text()
    return found


def control_groups(pattern: str) -> list[Path]:
    """Folders below any hierarchy's ``sandbox-console``."""
    # Not Path.glob: it fails on a folder that ends with somebody else's sandbox meanwhile.
    found = glob.glob(f"/sys/fs/cgroup/**/sandbox-console/{pattern}", recursive=True)  # noqa: PTH207
    return [Path(path) for path in found]


@dataclass
class Host:
    """A host process with folders of its own."""

    folder: Path
    user: int = 0
    lacking: str = ""
    """Shell commands that take something of the machine away, in a mount namespace of the host's own."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def socket(self) -> Path:
        return self.run_dir / "host.sock"

    @property
    def log(self) -> str:
        return (self.folder / "host.log").read_text()

    def arguments(self, module: str) -> list[str]:
        return [module, "--state-dir", str(self.state_dir), "--run-dir", str(self.run_dir)]

    def start(self) -> Host:
        """Start it and wait until it serves."""
        self.socket.unlink(missing_ok=True)
        with (self.folder / "host.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*self.prelude(), sys.executable, "-I", "-S", *self.arguments(host_module.__file__)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"HOST_SECRET": "leaked-from-the-host", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        wait_until(lambda: self.socket.exists() or self.process.poll() is not None, "the host starts")
        assert self.process.poll() is None, self.log
        return self

    def prelude(self) -> list[str]:
        """Words that run the rest as another user, or on a machine that lacks something."""
        words = ["unshare", "--mount", "sh", "-ec", f'{self.lacking}; exec "$@"', "sh"] if self.lacking else []
        user = str(self.user)
        return words + (["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] if self.user else [])

    def end(self, number: int = signal.SIGTERM) -> None:
        """End the host alone."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)
            self.process = None

    def clean(self) -> subprocess.CompletedProcess[str]:
        """What `make down` does."""
        module = "sandboxcore.runtimes.namespaces.cleanup"
        return subprocess.run(
            [*self.prelude(), sys.executable, *self.arguments("-m")[:1], module, *self.arguments("")[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=Path(host_module.__file__).parents[3],
        )

    def shims(self) -> set[int]:
        """Processes of sandboxes of this host, by their parents or by the file they hold."""
        return {pid for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*")) if self._is_ours(pid)}

    def _is_ours(self, pid: int) -> bool:
        try:
            text = Path(f"/proc/{pid}/mountinfo").read_text()
        except OSError:
            return False
        return str(self.folder) in text

    def loop_devices(self) -> list[str]:
        """Backing files below this host's folder that a loop device still holds."""
        return [name for name in backing_files().values() if str(self.folder) in name]

    def groups(self) -> list[Path]:
        """Control groups of this host's sandboxes."""
        return control_groups(f"{host_module.instance_of(self.run_dir)}/*/")

    def traces(self) -> dict[str, Any]:
        """Everything of sandboxes that is there now."""
        return {
            "processes": self.shims(),
            "loop devices": self.loop_devices(),
            "groups": self.groups(),
            "folders": list((self.run_dir / "sandboxes").iterdir()),
            "records": list((self.run_dir / "records").iterdir()),
            "layers": [path for path in (self.state_dir / "layers").iterdir() if path.is_dir()],
        }

    def is_clean(self) -> bool:
        return not any(self.traces().values())


@contextlib.contextmanager
def new_host(user: int = 0, lacking: str = "") -> Iterator[Host]:
    """A host that is started, and at the end all that it made is ended."""
    folder = Path(tempfile.mkdtemp(prefix="nsr-"))
    folder.chmod(0o755)
    if user:
        os.chown(folder, user, user)
    host = Host(folder, user, lacking)
    try:
        yield host.start()
    finally:
        host.end(signal.SIGKILL)
        done = host.clean()
        shutil.rmtree(folder)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def shared_host() -> Iterator[Host]:
    with new_host() as host:
        yield host


@pytest.fixture
def host() -> Iterator[Host]:
    """A host of this test alone."""
    with new_host() as host:
        yield host


@pytest.fixture(autouse=True)
async def _no_open_peers() -> AsyncIterator[None]:
    yield
    await close_all()


def spec(**changes: Any) -> SandboxSpec:
    fields = {"id": str(uuid.uuid4()), "image": "host", "resources": RESOURCES, "hostname": "inside"}
    return SandboxSpec(**{**fields, **changes})


@dataclass
class Box:
    """A sandbox and how to run in it."""

    runtime: NamespacesRuntime
    sandbox: RuntimeSandbox
    host: Host

    async def run(self, script: str, **fields: Any) -> Outcome:
        """Run a shell script to its end."""
        return await run(self.sandbox.shim_socket, script, command_id=str(uuid.uuid4()), **fields)

    async def output(self, script: str, **fields: Any) -> str:
        """Standard output of a script that must succeed."""
        outcome = await self.run(script, **fields)
        assert outcome.exit_code == 0, outcome
        return outcome.stdout.decode()

    async def python(self, source: str) -> str:
        """Standard output of a Python program that must succeed inside."""
        return (await self.output('exec python3 -c "$SOURCE"', env={"SOURCE": source})).strip()


@pytest.fixture
async def runtime(shared_host: Host) -> AsyncIterator[NamespacesRuntime]:
    runtime = NamespacesRuntime(shared_host.run_dir)
    await runtime.start()
    yield runtime
    for sandbox in await runtime.list_owned():
        await runtime.destroy(sandbox.id)
    await runtime.close()


@pytest.fixture
async def box(runtime: NamespacesRuntime, shared_host: Host) -> Box:
    return Box(runtime, await runtime.create(spec()), shared_host)

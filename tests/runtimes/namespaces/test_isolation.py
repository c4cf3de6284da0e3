"""What a sandbox must not see and cannot do: each thing is tried inside, for real."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandboxcore.runtimes.namespaces.launch import KEPT_CAPABILITIES
from sandboxcore.runtimes.namespaces.syscalls import CAPABILITIES
from tests.runtimes.namespaces.conftest import Box, needs_root, spec, wait_until
from tests.shim.peer import Peer

if TYPE_CHECKING:
    from sandboxcore.runtimes.namespaces.driver import NamespacesRuntime

pytestmark = [pytest.mark.kernel, needs_root]

CALL = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(*arguments):
    ctypes.set_errno(0)
    result = libc.syscall(*arguments)
    return "allowed" if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""
TOP = {"bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "mnt", "opt", "proc", "root", "run", "sbin"}
TOP |= {"srv", "sys", "tmp", "usr", "var"}
DEVICES = {"fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}
X86 = os.uname().machine == "x86_64"


async def test_root_inside_is_a_user_of_its_own_range_outside(box: Box) -> None:
    assert (await box.output("id -u; id -g")).split() == ["0", "0"]
    inside, outside, count = map(int, (await box.output("cat /proc/self/uid_map")).split())
    assert (inside, count) == (0, 65535)
    assert outside >= 0x70000000
    assert outside % 65536 == 0
    assert (await box.output("cat /proc/self/gid_map")).split() == ["0", str(outside), "65535"]
    peer = await Peer.run(box.sandbox.shim_socket, "sleep 4321")
    await peer.message("started")
    wait_until(lambda: _owners(b"sleep\x004321\x00") == {outside}, "a program of the sandbox runs as its user")


def _owners(words: bytes) -> set[int]:
    """Users of this machine who run a program with these words."""
    return {path.stat().st_uid for path in Path("/proc").glob("[0-9]*") if _words(path) == words}


def _fields(status: str) -> dict[str, str]:
    """The lines of a status file of /proc."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in status.splitlines())}


async def test_capabilities_filter_and_no_new_privs_of_a_command(box: Box) -> None:
    status = _fields(await box.output("cat /proc/self/status"))
    kept = sum(1 << CAPABILITIES[name] for name in KEPT_CAPABILITIES)
    for name in ("CapEff", "CapPrm", "CapBnd"):
        assert int(status[name], 16) == kept
    for name in ("CapInh", "CapAmb"):
        assert int(status[name], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


async def test_the_shim_has_no_privileges_and_no_file_systems(box: Box) -> None:
    await box.output("true")  # a shim forgets its host after it is told to go on, and before it answers anybody
    shim = _shim_of(box)
    status = _fields((shim / "status").read_text())
    uids = set(map(int, status["Uid"].split()))
    assert uids == set(map(int, status["Gid"].split()))
    assert all(uid % 65536 == 65535 and uid > 0x70000000 for uid in uids)
    assert status["Groups"] == ""
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert _names(shim / "root") <= {"image", "usr", "layer", "merged", "devices", "proc", "sys", "volumes"}
    assert _names(shim / "root/proc") == set()
    assert _names(shim / "root/devices") == set()
    assert (shim / "environ").read_bytes().strip(b"\0") == b""
    assert _words(shim).rstrip(b"\0").decode() == f"sandbox-shim {box.sandbox.id}"


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _shim_of(box: Box) -> Path:
    name = f"sandbox-shim {box.sandbox.id}".encode()
    found = [p for p in Path("/proc").glob("[0-9]*") if _words(p).rstrip(b"\0") == name]
    assert len(found) == 1
    return found[0]


def _words(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


async def test_seven_namespaces_of_its_own(box: Box) -> None:
    for name in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
        inside = (await box.output(f"readlink /proc/self/ns/{name}")).strip()
        assert inside != _own_namespace(name)
    assert (await box.output("hostname; cat /etc/hostname; uname -n")).split() == ["inside"] * 3


def _own_namespace(name: str) -> str:
    return str(Path(f"/proc/self/ns/{name}").readlink())


async def test_nothing_of_this_machine_but_usr(box: Box, tmp_path: Path) -> None:
    (tmp_path / "marker").write_text("of the machine")
    for path in (tmp_path / "marker", box.host.run_dir, box.host.state_dir, __file__):
        outcome = await box.run(f"ls {path}")
        assert b"No such file" in outcome.stderr
    top = set((await box.output("ls -A /")).split())
    assert top <= TOP
    assert set((await box.output("ls -A /root")).split()) == {".bashrc", ".profile"}
    assert (await box.output("ls -A /home /opt /srv /mnt /run/lock | grep -v :")).split() == []
    assert "machine-id" not in await box.output("ls /etc")
    passwd = await box.output("cat /etc/passwd")
    assert len(passwd.splitlines()) < 12
    assert (await box.output("cat /etc/shadow")).count("*") == len(passwd.splitlines())
    assert (await box.output("find /etc -perm /4000 -o -name '*key*' -path '*ssh*'")) == ""


async def test_nothing_of_the_host_in_environment_descriptors_and_words(box: Box) -> None:
    environment = await box.output("env")
    assert "HOST_SECRET" not in environment
    names = {line.partition("=")[0] for line in environment.splitlines()}
    assert names <= {"PATH", "HOME", "USER", "LOGNAME", "LANG", "SHELL", "HOSTNAME", "PWD", "SHLVL", "_", "OLDPWD"}
    assert (
        await box.python("import os; print(sorted(os.listdir('/proc/self/fd'), key=int))")
    ) == "['0', '1', '2', '3']"
    words = await box.output("cat /proc/1/cmdline | tr '\\0' ' '")
    assert words.strip() == "init"
    assert (await box.output("cat /proc/1/comm /proc/$PPID/comm")).split() == ["init", "init"]


async def test_no_process_of_the_machine(box: Box) -> None:
    pids = [int(pid) for pid in (await box.output("ls /proc")).split() if pid.isdigit()]
    assert len(pids) <= 6
    assert (await box.run(f"kill -0 {os.getpid()}")).exit_code != 0 or os.getpid() < 10


@pytest.mark.parametrize("name", ["exe", "root", "cwd", "fd", "ns/user", "ns/mnt"])
async def test_the_first_process_is_closed(box: Box, name: str) -> None:
    outcome = await box.run(f"readlink /proc/1/{name} || ls /proc/1/{name}/")
    assert outcome.exit_code != 0
    assert b"ermission denied" in outcome.stderr


@pytest.mark.parametrize("name", ["mem", "maps", "environ", "smaps", "stack", "syscall", "pagemap", "auxv"])
async def test_the_memory_of_the_first_process_is_closed(box: Box, name: str) -> None:
    outcome = await box.run(f"cat /proc/1/{name}")
    assert outcome.stdout == b""
    assert outcome.exit_code != 0


async def test_guards_are_closed_as_well(box: Box) -> None:
    outcome = await box.run("cat /proc/$PPID/maps; ls /proc/$PPID/fd/ && echo open")
    assert outcome.stdout == b""


async def test_the_first_process_cannot_be_killed_or_stopped(box: Box) -> None:
    await box.run("kill -9 1; kill -STOP 1; kill -TERM 1; kill -INT 1; kill -SEGV 1; kill -9 -1 2>/dev/null")
    assert (await box.output("echo alive")) == "alive\n"


async def test_the_first_process_cannot_be_traced(box: Box) -> None:
    source = CALL + f"print(call({101 if X86 else 117}, 16, 1, 0, 0))"
    assert await box.python(source) == "EPERM"


REFUSED = {
    "mount": ("call({nr}, b'none', b'/mnt', b'tmpfs', 0, None)", 165, 40),
    "umount2": ("call({nr}, b'/proc', 2)", 166, 39),
    "pivot_root": ("call({nr}, b'/', b'/')", 155, 41),
    "unshare of a user namespace": ("call({nr}, 0x10000000)", 272, 97),
    "unshare of a mount namespace": ("call({nr}, 0x20000)", 272, 97),
    "setns": ("call({nr}, os.open('/proc/self/ns/user', 0), 0)", 308, 268),
    "clone with a user namespace": ("call({nr}, 0x10000000 | 17, 0, 0, 0, 0)", 56, 220),
    "bpf": ("call({nr}, 0, ctypes.create_string_buffer(128), 128)", 321, 280),
    "keyctl": ("call({nr}, 0, -3, 0)", 250, 219),
    "add_key": ("call({nr}, b'user', b'a', b'b', 1, -3)", 248, 217),
    "perf_event_open": ("call({nr}, ctypes.create_string_buffer(128), 0, -1, -1, 0)", 298, 241),
    "userfaultfd": ("call({nr}, 0)", 323, 282),
    "userfaultfd for user faults only": ("call({nr}, 1)", 323, 282),
    "io_uring_setup": ("call(425, 8, ctypes.create_string_buffer(256))", 425, 425),
    "open_tree": ("call(428, -100, b'/', 1)", 428, 428),
    "fsopen": ("call(430, b'tmpfs', 0)", 430, 430),
    "mount_setattr": ("call(442, -100, b'/', 0, ctypes.create_string_buffer(32), 32)", 442, 442),
    "name_to_handle_at": (
        "call({nr}, -100, b'/', ctypes.create_string_buffer(256), ctypes.byref(ctypes.c_int()), 0)",
        303,
        264,
    ),
    "process_vm_readv": ("call({nr}, 1, None, 0, None, 0, 0)", 310, 270),
    "kexec_load": ("call({nr}, 0, 0, None, 0)", 246, 104),
    "init_module": ("call({nr}, b'', 0, b'')", 175, 105),
    "reboot": ("call({nr}, 0xfee1dead, 672274793, 0, 0)", 169, 142),
    "sethostname": ("call({nr}, b'other', 5)", 170, 161),
    "swapon": ("call({nr}, b'/tmp/x', 0)", 167, 224),
    "syslog": ("call({nr}, 3, ctypes.create_string_buffer(64), 64)", 103, 116),
    "settimeofday": ("call({nr}, ctypes.create_string_buffer(16), None)", 164, 170),
    "memfd_secret": ("call(447, 0)", 447, 447),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_refused_calls(box: Box, name: str) -> None:
    expression, x86, arm = REFUSED[name]
    assert await box.python(CALL + f"print({expression.format(nr=x86 if X86 else arm)})") == "EPERM"


@pytest.mark.parametrize("number", [435, 463, 600, 0x40000000 + 39])
async def test_calls_that_do_not_exist_here(box: Box, number: int) -> None:
    """clone3, newer ones, and the x32 convention."""
    assert await box.python(CALL + f"print(call({number}, 0, 0))") == "ENOSYS"


@pytest.mark.parametrize("family", ["AF_ALG", "AF_VSOCK", "AF_PACKET", "AF_BLUETOOTH", "AF_CAN", "AF_TIPC", "AF_KCM"])
async def test_refused_socket_families(box: Box, family: str) -> None:
    source = f"""
import errno, socket
numbers = dict(AF_ALG=38, AF_VSOCK=40, AF_PACKET=17, AF_BLUETOOTH=31, AF_CAN=29, AF_TIPC=30, AF_KCM=41)
kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW]
for kind in kinds:
    try:
        socket.socket(numbers["{family}"], kind)
        print("allowed")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
    assert set((await box.python(source)).split()) == {"EAFNOSUPPORT"}


async def test_other_netlink_families_are_refused(box: Box) -> None:
    source = """
import errno, socket
for protocol in (0, 4, 12, 15, 16):
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        print("allowed")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
    assert (await box.python(source)).split() == ["allowed"] + ["EAFNOSUPPORT"] * 4


@pytest.mark.parametrize("request_number", [0x5412, 0x541C])
async def test_typing_into_a_terminal_is_refused(box: Box, request_number: int) -> None:
    """TIOCSTI and TIOCLINUX, on a terminal of the sandbox's own, where the kernel itself might allow it."""
    source = f"""
import errno, fcntl, os, pty
try:
    pid, fd = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, {request_number}, b"x" * 16)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    print(errno.errorcode.get(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "allowed"))
except Exception as error:
    print(repr(error))
"""
    assert await box.python(source) == "EPERM"


async def test_another_architectures_calls_kill(box: Box) -> None:
    if not X86:
        pytest.skip("only x86-64 has a second convention that a program can reach")
    source = """
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=7)
page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 20 (getpid); int 0x80; ret
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
ctypes.CFUNCTYPE(ctypes.c_int)(address)()
"""
    outcome = await box.run('python3 -c "$SOURCE"; echo $?', env={"SOURCE": source})
    assert outcome.stdout.strip() == b"159"  # 128 + SIGSYS


async def test_only_loopback(box: Box) -> None:
    assert (await box.output("ls /sys/class/net")).split() == ["lo"]
    source = """
import errno, socket
for address in (("10.0.0.1", 80), ("169.254.169.254", 80), ("192.0.2.1", 53)):
    try:
        socket.create_connection(address, 3)
        print("connected")
    except OSError as error:
        print(errno.errorcode[error.errno])
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
print("loopback works")
"""
    assert (await box.python(source)).splitlines() == ["ENETUNREACH"] * 3 + ["loopback works"]


async def test_abstract_sockets_of_the_machine_are_out_of_reach(box: Box) -> None:
    assert (await box.output("cat /proc/net/unix | wc -l")).strip() in {"1", "2", "3", "4"}


@pytest.mark.parametrize(
    "path",
    [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/kernel/modprobe",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/kernel/uevent_helper",
    ],
)
async def test_kernel_settings_cannot_be_written(box: Box, path: str) -> None:
    outcome = await box.run(f"[ -e {path} ] && cat {path} > /tmp/was 2>/dev/null; echo x > {path}")
    assert outcome.exit_code != 0
    assert b"inside" not in outcome.stdout
    assert any(word in outcome.stderr for word in (b"Read-only", b"ermission", b"No such", b"not permitted"))


async def test_covered_files_are_empty(box: Box) -> None:
    assert await box.output("cat /proc/kcore /proc/keys /proc/timer_list /proc/kallsyms 2>/dev/null | wc -c") == "0\n"
    assert await box.output("ls -A /sys/firmware | wc -l") == "0\n"


async def test_devices_cannot_be_made_or_used(box: Box) -> None:
    assert (await box.run("mknod /tmp/disk b 254 0")).exit_code != 0
    assert (await box.run("mknod /root/null c 1 3 && echo x > /root/null")).exit_code != 0
    assert set((await box.output("ls /dev")).split()) == DEVICES
    assert (await box.run("chmod 600 /dev/null")).exit_code != 0


async def test_a_setuid_program_gains_nothing(box: Box) -> None:
    script = """
cp /usr/bin/id /usr/local/bin/suid-id && chmod 4755 /usr/local/bin/suid-id
python3 - <<'END'
import os, subprocess
def become():
    os.setgroups([]); os.setresgid(1000, 1000, 1000); os.setresuid(1000, 1000, 1000)
print(subprocess.run(["/usr/local/bin/suid-id", "-u"], preexec_fn=become, capture_output=True, text=True).stdout)
END
"""
    assert (await box.output(script)).strip() == "1000"


async def test_usr_and_etc_are_writable_and_thrown_away(runtime: NamespacesRuntime, box: Box) -> None:
    await box.output(
        "echo changed > /usr/lib/os-release; rm -rf /usr/share/doc; echo x > /etc/passwd; mkdir /usr/share/doc"
    )
    assert "changed" not in _machine_release()
    other = Box(runtime, await runtime.create(spec()), box.host)
    assert "changed" not in await other.output("cat /usr/lib/os-release")
    assert (await other.output("head -c 5 /etc/passwd")) == "root:"


def _machine_release() -> str:
    return Path("/usr/lib/os-release").read_text()


async def test_files_of_the_image_belong_to_root(box: Box) -> None:
    assert (await box.output("stat -c '%u %g' /usr /usr/bin/env /etc /etc/passwd /root /")).split() == ["0"] * 12


async def test_two_sandboxes_do_not_see_each_other(runtime: NamespacesRuntime, box: Box) -> None:
    other = Box(runtime, await runtime.create(spec()), box.host)
    await box.output("echo secret > /tmp/secret; echo secret > /dev/shm/secret; echo secret > /root/secret")
    assert (await other.run("cat /tmp/secret /dev/shm/secret /root/secret")).exit_code == 1
    first, second = [(await b.output("cat /proc/self/uid_map")).split()[1] for b in (box, other)]
    assert first != second
    for name in ("pid", "mnt", "net", "ipc"):
        assert await box.output(f"readlink /proc/self/ns/{name}") != await other.output(
            f"readlink /proc/self/ns/{name}"
        )


async def test_an_owner_out_of_the_map_cannot_be_taken(box: Box) -> None:
    assert (await box.run("touch /tmp/f && chown 65535 /tmp/f")).exit_code != 0
    assert (await box.run("chown 65534 /tmp/f")).exit_code == 0


async def test_core_files_start_no_handler(box: Box) -> None:
    assert (await box.output("cat /proc/self/limits | grep core")).split()[4:6] == ["1", "1"]

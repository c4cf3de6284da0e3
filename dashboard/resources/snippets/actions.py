"""Every action of the console as a call: ``CALLS["sandbox.delete"](name="x")``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dashboard.resources.snippets.call import Call, Line, Raw, invoke, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_GOT = "sandbox"


def _path(kind: str, name: str = "", *more: str) -> str:
    return "/".join(["", kind, *(quote(part, safe="") for part in (name, *more) if part)])


def _options(**values: object) -> tuple[str, ...]:
    """``--name value`` for each that is given."""
    return tuple(
        word
        for key, value in values.items()
        if value is not None
        for word in (f"--{key.replace('_', '-')}", str(value))
    )


def sandbox_list() -> Call:
    """All sandboxes."""
    lines = (
        Line(invoke("client.list_sandboxes"), "sandboxes"),
        Line("for sandbox in sandboxes:\n    print(sandbox.name, sandbox.status)", waits=False),
    )
    return Call(lines, "GET", "/boxes", ("list",))


def sandbox_create(
    template: str = "", name: str = "", ttl_seconds: int | None = None, idle_ttl_seconds: int | None = None
) -> Call:
    """A sandbox of a template; without a name one is made up."""
    ends = {"ttl_seconds": ttl_seconds, "idle_ttl_seconds": idle_ttl_seconds}
    ends = {key: value for key, value in ends.items() if value is not None}
    lines = (
        Line(invoke("client.create_sandbox", template, name=name or None, **ends), _GOT),
        Line("print(sandbox.name, sandbox.status)", waits=False),
    )
    body = {"template_name": template, **({"name": name} if name else {}), "wait_for_ready": True, **ends}
    words = ("create", template, *_options(name=name or None, ttl=ttl_seconds, idle_ttl=idle_ttl_seconds))
    return Call(lines, "POST", "/boxes", words, body)


def sandbox_rename(name: str, new_name: str = "new-name") -> Call:
    """Another name for a sandbox."""
    line = Line(invoke("client.update_sandbox", name, new_name=new_name))
    return Call((line,), "PATCH", _path("boxes", name), (), {"name": new_name})


def sandbox_lifetimes(name: str, ttl_seconds: int | None = None, idle_ttl_seconds: int | None = None) -> Call:
    """Other lifetimes for a sandbox; 0 is none."""
    ends = {"ttl_seconds": ttl_seconds, "idle_ttl_seconds": idle_ttl_seconds}
    ends = {key: value for key, value in ends.items() if value is not None}
    return Call((Line(invoke("client.update_sandbox", name, **ends)),), "PATCH", _path("boxes", name), (), ends)


def sandbox_delete(name: str) -> Call:
    """The end of a sandbox."""
    return Call((Line(invoke("client.delete_sandbox", name)),), "DELETE", _path("boxes", name), ("delete", name))


def sandbox_run(
    name: str,
    command: str = "uname -a",
    *,
    dataplane_url: str = "",
    cwd: str = "",
    env: Mapping[str, str] | None = None,
    timeout: int | None = None,
) -> Call:
    """A command in a sandbox, and what it printed."""
    asked = {"timeout": timeout, "env": dict(env) if env else None, "cwd": cwd or None}
    lines = (
        Line(invoke("client.get_sandbox", name), _GOT),
        Line(invoke("sandbox.run", command, **asked), "result"),
        Line("print(result.stdout, result.exit_code)", waits=False),
    )
    given = {key: value for key, value in asked.items() if value is not None}
    words = ("run", *_options(cwd=cwd or None, timeout=timeout), *_env(env), name, "--", *_words(command))
    address = f"{dataplane_url}/execute" if dataplane_url else ""
    return Call(lines, "POST", address, words, {"command": command, **given})


def _env(env: Mapping[str, str] | None) -> tuple[str, ...]:
    return tuple(word for key, value in (env or {}).items() for word in ("--env", f"{key}={value}"))


def _words(command: str) -> tuple[str, ...]:
    """The command's own words where a shell would read them alike; else the line as one word."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    return tuple(words) if len(words) > 1 and shlex.join(words) == command else (command,)


def sandbox_service(name: str, port: int, expires_in_seconds: int = 600) -> Call:
    """An address in the browser for what listens in a sandbox."""
    lines = (
        Line(invoke("client.service", name, port, expires_in_seconds=expires_in_seconds), "service"),
        Line("service.get_browser_url()", "url"),
        Line("print(url)", waits=False),
    )
    body = {"port": port, "expires_in_seconds": expires_in_seconds}
    words = ("service", name, str(port), "--expires", str(expires_in_seconds))
    return Call(lines, "POST", _path("boxes", name, "service-url"), words, body)


def template_create(
    name: str = "",
    image: str = "",
    *,
    cpu: str = "500m",
    memory: str = "512Mi",
    storage: str = "",
    mounts: Sequence[tuple[str, str]] = (),
) -> Call:
    """A template; ``mounts`` are pairs of volume and path."""
    specs = [Raw(f"VolumeMountSpec({literal(volume)}, {literal(path)})") for volume, path in mounts]
    mounted = Raw(f"[{', '.join(specs)}]") if specs else None
    line = Line(
        invoke(
            "client.create_template",
            name=name,
            image=image,
            cpu=cpu,
            memory=memory,
            storage=storage or None,
            volume_mounts=mounted,
        )
    )
    body: dict[str, Any] = {
        "name": name,
        "image": image,
        "resources": {"cpu": cpu, "memory": memory, **({"storage": storage} if storage else {})},
    }
    if mounts:
        body["volume_mounts"] = [{"volume_name": volume, "mount_path": path} for volume, path in mounts]
    return Call((line,), "POST", "/templates", (), body, imports=("VolumeMountSpec",) if mounts else ())


def template_rename(name: str, new_name: str = "new-name") -> Call:
    """Another name for a template."""
    return _renamed("template", name, new_name)


def template_delete(name: str) -> Call:
    """The end of a template."""
    return _deleted("template", name)


def volume_create(name: str = "data", size: str = "1Gi") -> Call:
    """A volume."""
    line = Line(invoke("client.create_volume", name=name, size=size))
    return Call((line,), "POST", "/volumes", (), {"name": name, "size": size})


def volume_grow(name: str, size: str = "2Gi") -> Call:
    """More room in a volume."""
    line = Line(invoke("client.update_volume", name, size=size))
    return Call((line,), "PATCH", _path("volumes", name), (), {"size": size})


def volume_rename(name: str, new_name: str = "new-name") -> Call:
    """Another name for a volume."""
    return _renamed("volume", name, new_name)


def volume_delete(name: str) -> Call:
    """The end of a volume and of what it holds."""
    return _deleted("volume", name)


def pool_create(name: str = "warm", template: str = "", replicas: int = 1) -> Call:
    """A pool."""
    line = Line(invoke("client.create_pool", name=name, template_name=template, replicas=replicas))
    body = {"name": name, "template_name": template, "replicas": replicas}
    return Call((line,), "POST", "/pools", (), body)


def pool_scale(name: str, replicas: int = 1) -> Call:
    """Another size of a pool; 0 pauses it."""
    line = Line(invoke("client.update_pool", name, replicas=replicas))
    return Call((line,), "PATCH", _path("pools", name), (), {"replicas": replicas})


def pool_rename(name: str, new_name: str = "new-name") -> Call:
    """Another name for a pool."""
    return _renamed("pool", name, new_name)


def pool_delete(name: str) -> Call:
    """The end of a pool and of its warm sandboxes."""
    return _deleted("pool", name)


def _renamed(kind: str, name: str, new_name: str) -> Call:
    line = Line(invoke(f"client.update_{kind}", name, new_name=new_name))
    return Call((line,), "PATCH", _path(f"{kind}s", name), (), {"name": new_name})


def _deleted(kind: str, name: str) -> Call:
    return Call((Line(invoke(f"client.delete_{kind}", name)),), "DELETE", _path(f"{kind}s", name), ())


CALLS: dict[str, Callable[..., Call]] = {
    "sandbox.list": sandbox_list,
    "sandbox.create": sandbox_create,
    "sandbox.rename": sandbox_rename,
    "sandbox.lifetimes": sandbox_lifetimes,
    "sandbox.delete": sandbox_delete,
    "sandbox.run": sandbox_run,
    "sandbox.service": sandbox_service,
    "template.create": template_create,
    "template.rename": template_rename,
    "template.delete": template_delete,
    "volume.create": volume_create,
    "volume.grow": volume_grow,
    "volume.rename": volume_rename,
    "volume.delete": volume_delete,
    "pool.create": pool_create,
    "pool.scale": pool_scale,
    "pool.rename": pool_rename,
    "pool.delete": pool_delete,
}

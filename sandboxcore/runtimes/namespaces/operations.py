"""What the host can be asked. One function an operation, in ``OPERATIONS`` by its name; to add one, add it there.

=============  =====================  ====================================================
op             fields                 result
=============  =====================  ====================================================
capabilities                          the fields of ``Capabilities``
create         spec                   the sandbox: ``id, state, created_at, reason``
destroy        id                     empty, when nothing is left of it
inspect        id                     ``{"sandbox": ...}``, null where there is none
list           after                  ``{"sandboxes": [...], "more": bool}``, by id
usage          id                     the fields of ``Usage``
usages         ids                    ``{"usages": {id: the fields of Usage}}`` of those that run
volume_list    after                  ``{"volumes": [...], "more": bool}``, by id, each the fields of ``RuntimeVolume``
volume_usage   ids                    ``{"volumes": {id: ...}}``, each the fields of ``VolumeUsage``
volume_create  id, size_bytes         empty, when it is there
volume_delete  id                     empty, when nothing is left of it
volume_resize  id, size_bytes         empty, when it has that size
=============  =====================  ====================================================

Kinds of error: ``BadRequest``, ``Unavailable`` (with a remedy), ``Gone``, ``Internal``, those of a failed start
(``ImagePull``, ``CrashLoop``, ``SandboxConfig``, ``Unschedulable``), and ``Volume`` before each of ``VolumeFailure``.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sandboxcore.runtimes.base import MOST_USAGES
from sandboxcore.runtimes.namespaces import requests
from sandboxcore.runtimes.namespaces.connections import error_of
from sandboxcore.runtimes.namespaces.plan import PlanError
from sandboxcore.runtimes.namespaces.requests import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandboxcore.runtimes.base import VolumeError
    from sandboxcore.runtimes.namespaces.probe import Findings
    from sandboxcore.runtimes.namespaces.sandbox import Sandbox
    from sandboxcore.runtimes.namespaces.sandboxes import Sandboxes
    from sandboxcore.runtimes.namespaces.volumes import Volumes

    Answer = Callable[[dict[str, Any]], None]

PAGE = 500
EXAMINE_AGAIN = 10.0
"""Seconds after which a machine that could not isolate is looked at once more."""

logger = logging.getLogger(__name__)


class Operations:
    """Answers requests from what the machine offers and from the table of sandboxes."""

    def __init__(self, examine: Callable[[], tuple[Findings, Sandboxes | None]], volumes: Volumes) -> None:
        self._examine = examine
        self._volumes = volumes
        self._findings, self._sandboxes = examine()
        self._examined_at = time.monotonic()

    def handle(self, request: dict[str, Any], answer: Answer) -> None:
        """Answer one request, now or later. Raises ``RequestError``."""
        operation = OPERATIONS.get(str(request.get("op")))
        if operation is None:
            raise RequestError(f"unknown op {str(request.get('op'))[:32]!r}; known are {', '.join(OPERATIONS)}")
        self._look_again()
        if self._sandboxes is None:
            missing = self._findings.missing[0]
            answer(error_of("Unavailable", missing.what, missing.remedy))
            return
        try:
            operation(self, self._sandboxes, request, answer)
        except OSError as error:
            logger.exception("%s failed", request.get("op"))
            answer(error_of("Internal", f"{request.get('op')} failed: {error}"))

    def _look_again(self) -> None:
        if self._sandboxes is None and time.monotonic() - self._examined_at > EXAMINE_AGAIN:
            self._findings, self._sandboxes = self._examine()
            self._examined_at = time.monotonic()

    def capabilities(self, _sandboxes: Sandboxes, _request: Mapping[str, Any], answer: Answer) -> None:
        """See the table above; so for all that follow."""
        answer({"result": asdict(self._findings.capabilities())})

    def create(self, sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        def done(made: Sandbox | PlanError) -> None:
            answer(error_of(made.kind, str(made)) if isinstance(made, PlanError) else {"result": _shown(made)})

        sandboxes.create(requests.sandbox_spec(request), done)

    def destroy(self, sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        sandboxes.destroy(requests.sandbox_id(request), lambda: answer({"result": {}}))

    def inspect(self, sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        sandbox = sandboxes.find(requests.sandbox_id(request))
        answer({"result": {"sandbox": _shown(sandbox) if sandbox else None}})

    def list(self, sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        page = sandboxes.listed(requests.after(request), PAGE + 1)
        answer({"result": {"sandboxes": [_shown(sandbox) for sandbox in page[:PAGE]], "more": len(page) > PAGE}})

    def usage(self, sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        sandbox = sandboxes.find(requests.sandbox_id(request))
        if sandbox is None or sandbox.record.state != "running":
            answer(error_of("Gone", "no such sandbox runs here"))
            return
        answer({"result": asdict(sandboxes.usage(sandbox))})

    def usages(self, sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        asked = ((key, sandboxes.find(key)) for key in requests.sandbox_ids(request, MOST_USAGES))
        running = ((key, found) for key, found in asked if found is not None and found.record.state == "running")
        answer({"result": {"usages": {key: asdict(sandboxes.usage(found)) for key, found in running}}})

    def volume_list(self, _sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        page = self._volumes.listed(requests.after(request), PAGE + 1)
        answer({"result": {"volumes": [asdict(volume) for volume in page[:PAGE]], "more": len(page) > PAGE}})

    def volume_usage(self, _sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        found = self._volumes.usage(requests.sandbox_ids(request, requests.MAX_MEASURED))
        answer({"result": {"volumes": {volume_id: asdict(usage) for volume_id, usage in found.items()}}})

    def volume_create(self, _sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        volume_id, size = requests.sandbox_id(request), requests.volume_size(request)
        if self._findings.means is None or not self._findings.means.volumes:
            answer(error_of("VolumeUnsupported", "this machine has no volumes; the runtime's notes say why"))
            return
        self._volumes.create(volume_id, size, _volume_answer(answer))

    def volume_delete(self, _sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        self._volumes.delete(requests.sandbox_id(request), _volume_answer(answer))

    def volume_resize(self, _sandboxes: Sandboxes, request: Mapping[str, Any], answer: Answer) -> None:
        volume_id, size = requests.sandbox_id(request), requests.volume_size(request)
        self._volumes.resize(volume_id, size, _volume_answer(answer))


def _volume_answer(answer: Answer) -> Callable[[VolumeError | None], None]:
    return lambda error: answer(error_of(f"Volume{error.kind}", str(error)) if error else {"result": {}})


OPERATIONS: dict[str, Callable[[Operations, Sandboxes, Mapping[str, Any], Answer], None]] = {
    "capabilities": Operations.capabilities,
    "create": Operations.create,
    "destroy": Operations.destroy,
    "inspect": Operations.inspect,
    "list": Operations.list,
    "usage": Operations.usage,
    "usages": Operations.usages,
    "volume_list": Operations.volume_list,
    "volume_usage": Operations.volume_usage,
    "volume_create": Operations.volume_create,
    "volume_delete": Operations.volume_delete,
    "volume_resize": Operations.volume_resize,
}


def _shown(sandbox: Sandbox) -> dict[str, Any]:
    record = sandbox.record
    state = "dead" if record.state == "dead" else "running"
    return {
        "id": record.id,
        "state": state,
        "created_at": record.created_at,
        "reason": record.reason if state == "dead" else None,
    }

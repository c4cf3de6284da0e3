"""``/healthz``, and what the runtime here can do."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from sandboxcore.server.api.common import PREFIX, Reader, answer, errors, get_core
from sandboxcore.server.api.schemas import CapabilitiesOut, HealthOut

router = APIRouter(tags=["server"])


@router.get("/healthz", response_model=HealthOut)
async def health(request: Request) -> Response:
    """Whether the server answers; it does so without a runtime too, and then says so here."""
    return answer({"status": "ok", "runtime_available": get_core(request).runtime.problem is None})


@router.get(f"{PREFIX}/capabilities", response_model=CapabilitiesOut, responses=errors())
async def capabilities(request: Request, caller: Reader) -> Response:
    """What is enforced on this machine, so that nobody has to guess what holds."""
    del caller  # any key may ask
    core = get_core(request)
    problem = core.runtime.problem
    if problem is not None:
        return answer(
            {"available": False, "problem": str(problem), "remedy": problem.remedy, "runtime": core.settings.runtime}
        )
    known = asdict(core.runtime.require().capabilities())
    return answer({"available": True, "problem": None, "remedy": None, "numbered_input": True, **known})

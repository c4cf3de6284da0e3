"""Whatever the API's own description allows, and much that it does not, gets an answer that the description knows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.server.hammer.folder import FolderSandboxd
from tests.server.running import POSTGRES_URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case

DATABASES = ["sqlite", *(["postgresql"] if POSTGRES_URL else [])]
STREAMS = {"/v2/sandboxes/events/stream"}
"""What never ends has tests of its own."""
NOT_HTTP = "Invalid HTTP request received."
"""The HTTP parser's refusal, before anything is known of the request."""
WITH_BODY = {"POST", "PATCH"}
UNFIT: list[Any] = [positive_data_acceptance]
"""That a lifetime is below the workspace's bound, or an image exists, no schema can say."""
UNFIT_WITHOUT_BODY: list[Any] = [negative_data_rejection]
"""In an address a number is a text and one text is a list, so what was meant to be wrong often is not."""


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest) -> Iterator[FolderSandboxd]:
    server = FolderSandboxd(postgres=request.param == "postgresql", create_timeout=2).start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def described(server: FolderSandboxd) -> Any:
    return schemathesis.openapi.from_url(f"{server.origin}/openapi.json")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
def test_every_call_gets_an_answer_that_the_description_knows(
    server: FolderSandboxd, described: Any, mode: GenerationMode
) -> None:
    for found in described.get_all_operations():
        operation = found.ok()
        if operation.path in STREAMS:
            continue

        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def attack(case: Case[Any]) -> None:
            answer = case.call(headers={"X-Api-Key": server.key}, timeout=30)
            if answer.text != NOT_HTTP:
                case.validate_response(
                    answer, excluded_checks=UNFIT + ([] if case.method in WITH_BODY else UNFIT_WITHOUT_BODY)
                )

        # Where nothing is asked, such as a health check, nothing can be wrong.
        with suppress(Unsatisfiable):
            attack()

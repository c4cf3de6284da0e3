"""When to try again, and after how long."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate

import pytest

from sandboxcore.protocol import calls
from sandboxcore.protocol.failures import Reply
from sandboxcore.protocol.retry import MAX_DELAY, ReconnectPlan, RetryPolicy

NOW = 1_700_000_000.0
READ = calls.get_one("pool", "p")
CREATE = calls.create_pool("p", "t", 1, 30)
ONCE = calls.execute("http://x", "box", {}, 60)
policy = RetryPolicy(10, jitter=lambda: 0.25, clock=lambda: NOW)


def test_it_works() -> None:
    assert policy.after_reply(READ, 0, Reply(503)) == 1.25
    assert policy.after_reply(READ, 2, Reply(502)) == 4.25
    assert policy.after_reply(READ, 9, Reply(504)) == MAX_DELAY
    assert policy.after_reply(READ, 10, Reply(504)) is None


@pytest.mark.parametrize("status", [200, 400, 401, 404, 409, 500, 501])
def test_other_answers_are_final(status: int) -> None:
    assert policy.after_reply(READ, 0, Reply(status)) is None


def test_failed_connections() -> None:
    assert policy.after_failure(READ, 1, sent=False) == policy.after_failure(READ, 1, sent=True) == 2.25
    assert policy.after_failure(ONCE, 1, sent=False) == 2.25
    assert policy.after_failure(ONCE, 0, sent=True) is None
    assert policy.after_failure(READ, 10, sent=False) is None
    assert RetryPolicy(0).after_failure(READ, 0, sent=False) is None


def test_what_may_have_begun_is_not_repeated() -> None:
    assert policy.after_reply(ONCE, 0, Reply(502)) is None
    assert policy.after_reply(ONCE, 0, Reply(429)) == 1.25


def test_a_failed_create_in_the_apis_words_is_final() -> None:
    body = b'{"detail": {"error": "Unschedulable", "message": "full"}}'
    assert policy.after_reply(CREATE, 0, Reply(503, body)) is None
    assert policy.after_reply(CREATE, 0, Reply(503, b"<html>")) == 1.25
    assert policy.after_reply(READ, 0, Reply(503, body)) == 1.25


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.25),
        ("0", 0.25),
        ("-5", 0.25),
        ("3600", MAX_DELAY),
        ("soon", 1.25),
        ("", 1.25),
        ("nan", 0.25),
        (formatdate(NOW + 4, usegmt=True), 4.25),
        (formatdate(NOW - 4, usegmt=True), 0.25),
    ],
)
def test_retry_after(header: str, seconds: float) -> None:
    assert policy.after_reply(READ, 5, Reply(429, headers={"retry-after": header})) == seconds


def test_a_quota_does_not_get_better_by_waiting() -> None:
    quota = Reply(429, b'{"detail": {"error": "Quota", "message": "memory quota exceeded"}}')
    assert policy.after_reply(CREATE, 0, quota) is None
    assert policy.after_reply(CREATE, 0, replace(quota, headers={"retry-after": "1"})) == 1.25
    assert policy.after_reply(CREATE, 0, Reply(429, b'{"detail": "slow down"}')) == 1.25
    ours = Reply(429, b'{"detail": {"error": "QuotaExceeded", "message": "pool count"}}', headers={"retry-after": "0"})
    assert policy.after_reply(CREATE, 0, ours) is None


def test_reconnect_delays() -> None:
    plan = ReconnectPlan()
    assert [plan.next_delay() for _ in range(6)] == [0.5, 1, 2, 4, 8, None]
    plan.attached()
    assert plan.next_delay() == 0.5


def test_a_reload_is_tried_at_once_but_only_once() -> None:
    plan = ReconnectPlan()
    assert [plan.next_delay(reloading=True) for _ in range(3)] == [0.0, 0.5, 1]
    plan.attached()
    assert [plan.next_delay(), plan.next_delay(reloading=True), plan.next_delay(reloading=True)] == [0.5, 0.0, 1]


def test_no_tries() -> None:
    assert ReconnectPlan(()).next_delay() is None

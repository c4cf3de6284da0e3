"""What is held against the limits before anything is asked for."""

from __future__ import annotations

from dashboard.quantities import tell_cpu
from dashboard.resources.preflight import Line, Preflight, Wants
from sandboxcore.models import ResourceSpec


def test_it_works() -> None:
    line = Line("CPU", 1000, 750, 500, tell_cpu)
    assert not line.fits
    assert (line.left, line.wants, line.missing) == ("0.25 cores left", "0.5 cores", "0.25 cores")
    assert (line.share_held, line.share_takes) == (75.0, 25.0)
    assert not Preflight([line]).fits


def test_without_a_limit_everything_fits() -> None:
    line = Line("CPU", None, 750, 500, tell_cpu)
    assert line.fits
    assert line.left == "no limit"


def test_a_limit_of_nothing_is_full() -> None:
    line = Line("CPU", 0, 0, 1, tell_cpu)
    assert not line.fits
    assert (line.share_held, line.share_takes) == (100.0, 0.0)


def test_what_is_held_beyond_a_lowered_limit_leaves_nothing() -> None:
    line = Line("CPU", 1000, 3000, 500, tell_cpu)
    assert (line.left, line.share_held, line.share_takes) == ("0 cores left", 100.0, 0.0)


def test_several_sandboxes_take_as_much_each() -> None:
    wants = Wants.of(ResourceSpec("250m", "1Gi", None), 3)
    assert (wants.sandboxes, wants.cpu_millis, wants.memory_bytes, wants.storage_bytes) == (3, 750, 3 * 2**30, 0)


def test_what_is_no_quantity_counts_as_nothing() -> None:
    assert Wants.of(ResourceSpec("potatoes", "", "x")).cpu_millis == 0

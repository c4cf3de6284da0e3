from __future__ import annotations

from pathlib import Path

import pytest

from sandboxcore.server.config import Settings, SettingsError

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "sandboxd.md"


def test_defaults_work_without_any_variable() -> None:
    settings = Settings.load({})
    assert (settings.host, settings.port, settings.runtime) == ("127.0.0.1", 8001, "namespaces")


def test_variables_are_read() -> None:
    settings = Settings.load({"SANDBOXD_PORT": "99", "SANDBOXD_STATE_DIR": "/s", "HOME": "/root"})
    assert settings.port == 99
    assert settings.effective_database_url == "sqlite:////s/sandboxd.sqlite3"


@pytest.mark.parametrize(
    ("url", "effective"),
    [
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:////tmp/x", "sqlite:////tmp/x"),
    ],
)
def test_database_urls_get_the_driver_that_is_used(url: str, effective: str) -> None:
    assert Settings.load({"SANDBOXD_DATABASE_URL": url}).effective_database_url == effective


def test_an_unknown_variable_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"unknown setting SANDBOXD_PROT; .*docs/sandboxd.md"):
        Settings.load({"SANDBOXD_PROT": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SANDBOXD_PORT", "x"),
        ("SANDBOXD_PORT", "70000"),
        ("SANDBOXD_DEFAULT_CPU", "much"),
        ("SANDBOXD_MAX_MEMORY", "1gb"),
        ("SANDBOXD_DEFAULT_TTL_SECONDS", "90"),
        ("SANDBOXD_PUBLIC_URL", "sandboxes.example.com"),
        ("SANDBOXD_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_refused_with_the_variables_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}='{value}': "):
        Settings.load({name: value})


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    row = f"| `SANDBOXD_{name.upper()}` | `{field.default}` | {field.description} |"
    assert row in DOCUMENTATION.read_text()


def test_nothing_that_is_no_setting_is_documented() -> None:
    rows = [line for line in DOCUMENTATION.read_text().splitlines() if line.startswith("| `SANDBOXD_")]
    assert len(rows) == len(Settings.model_fields)

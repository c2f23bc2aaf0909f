"""Settings: the environment, arguments, and errors that name the variable."""

import os
from pathlib import Path

import pytest

from vitron_agent.config import Budget, Settings
from vitron_agent.errors import ConfigError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith("VITRON_"):
            monkeypatch.delenv(name)


def test_defaults_need_no_environment():
    settings = Settings.load()
    assert settings.profile == "embedded"
    assert settings.roots is None
    assert settings.budget == Budget()


def test_environment_overrides_defaults_and_arguments_override_the_environment(monkeypatch):
    monkeypatch.setenv("VITRON_DATABASE", "sqlite:///one.db")
    monkeypatch.setenv("VITRON_BUDGET__SECONDS", "60")
    monkeypatch.setenv("VITRON_LIMITS__MAX_PIXELS", "1000")
    settings = Settings.load(database="sqlite:///two.db", profile=None)
    assert settings.database == "sqlite:///two.db"
    assert settings.profile == "embedded"
    assert settings.budget == Budget(seconds=60)
    assert settings.limits.max_pixels == 1000


def test_roots_are_separated_as_in_path(monkeypatch):
    monkeypatch.setenv("VITRON_ROOTS", os.pathsep.join(["/photos", "/clips"]))
    assert Settings.load().roots == (Path("/photos"), Path("/clips"))
    assert Settings.load(roots=["elsewhere"]).roots == (Path("elsewhere"),)
    monkeypatch.setenv("VITRON_ROOTS", f"/photos{os.pathsep}")
    assert Settings.load().roots == (Path("/photos"),)


def test_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings.load().cache == tmp_path / "vitron-agent"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VITRON_LIMITS__MAX_PIXELS", "-1"),
        ("VITRON_BUDGET__SECONDS", "soon"),
        ("VITRON_APPROVAL", "sometimes"),
        ("VITRON_DEVICE", "tpu"),
        ("VITRON_SEED", "-3"),
    ],
)
def test_errors_name_the_variable(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable):
        Settings.load()


def test_a_nested_setting_that_is_no_json_is_a_config_error(monkeypatch):
    monkeypatch.setenv("VITRON_BUDGET", "lots")
    with pytest.raises(ConfigError, match="budget"):
        Settings.load()


def test_unknown_settings_are_refused():
    with pytest.raises(ConfigError, match="databse"):
        Settings.load(databse="sqlite:///x.db")


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().profile = "hub"

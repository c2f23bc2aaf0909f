"""``vitron doctor``: what is installed, which weights are there, who can do what, and whether it can be stored."""

import importlib.util
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vitron_agent.config import Settings
from vitron_agent.errors import VitronError
from vitron_agent.messages import OPERATIONS, Module

_PACKAGES = ("vitron-agent", "torch", "transformers", "peft", "langgraph", "langchain-core", "sqlalchemy")
_FREE_MB = 500


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report; ``fix`` says what to do where it is not well."""

    topic: str
    finding: str
    fix: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """All checks; reads only, loads no weights."""
    yield Check("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Check("packages", ", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    yield _torchvision()
    yield _device(settings)
    yield from _weights(settings)
    yield from _experts(settings)
    yield _disk(settings)
    yield _database(settings)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _torchvision() -> Check:
    if importlib.util.find_spec("torchvision") is None:
        return Check("torchvision", "not installed, and not needed")
    try:
        import torchvision  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except Exception as error:
        return Check("torchvision", f"installed but broken: {error}", "pip uninstall torchvision")
    return Check("torchvision", "installed")


def _device(settings: Settings) -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("device", f"{settings.device} ({torch.cuda.get_device_name()})")
    return Check("device", f"{settings.device} (CPU, {torch.get_num_threads()} threads)")


def _weights(settings: Settings) -> Iterator[Check]:
    from vitron_agent.model.adapter import PACKAGED
    from vitron_agent.model.encoders.weights import encoder_file
    from vitron_agent.model.weights import PULL_COMMAND, base_folder

    for topic, path in (("planner base", base_folder(settings.cache)), ("image encoder", encoder_file(settings.cache))):
        there = path.exists()
        yield Check(topic, f"in {path}" if there else "not fetched yet", "" if there else PULL_COMMAND)
    there = (PACKAGED / "adapter_model.safetensors").is_file()
    yield Check(
        "planner adapter", "in the package" if there else "missing", "" if there else "install the package again"
    )


def _experts(settings: Settings) -> Iterator[Check]:
    from vitron_agent.tools.registry import load_profile

    try:
        profile = load_profile(settings)
    except VitronError as error:
        yield Check("profile", settings.profile, str(error))
        return
    for module in Module:
        if module is Module.CONVERSATION:
            continue
        expert = profile.experts.get(module)
        if expert is None:
            yield Check(module.wire_name, f"nothing in profile {profile.name!r} does this")
            continue
        can = [name for name in OPERATIONS[module] if name in expert.backend.operations]
        yield Check(module.wire_name, f"{expert.backend.name}/{expert.backend.version}: {', '.join(can)}")


def _disk(settings: Settings) -> Check:
    folder = Path(settings.artifacts) if "://" not in settings.artifacts else Path()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    fix = "make room, or point VITRON_ARTIFACTS elsewhere" if free < _FREE_MB else ""
    return Check("disk", f"{free} MB free for {settings.artifacts}", fix)


def _database(settings: Settings) -> Check:
    from vitron_agent.artifacts import ArtifactStore
    from vitron_agent.memory.repository import Repository

    if settings.database.startswith("sqlite:///") and not Path(settings.database.removeprefix("sqlite:///")).exists():
        return Check("database", f"{settings.database} will be made at the first turn")
    try:
        with Repository(settings.database, ArtifactStore("memory://")) as repository:
            return Check("database", f"{settings.database}: {len(repository.threads())} conversations")
    except VitronError as error:
        return Check("database", settings.database, str(error))

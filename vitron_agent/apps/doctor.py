"""``vitron doctor``: what is installed, which weights are there, who can do what, and whether it can be stored."""

import importlib.util
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from vitron_agent.config import Settings
from vitron_agent.errors import VitronError
from vitron_agent.messages import OPERATIONS, Module

if TYPE_CHECKING:
    from sqlalchemy import Connection

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
    if "://" not in settings.artifacts:
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

    name, _, number = settings.device.partition(":")
    there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(name, 1)
    if int(number or 0) >= there:
        fix = "set VITRON_DEVICE to auto or cpu, or install a torch that finds it"
        return Check("device", f"{settings.device}, which torch {torch.__version__} does not find", fix)
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        return Check("device", f"{settings.device} ({torch.cuda.get_device_name(int(number or 0))})")
    return Check("device", f"{settings.device} (CPU, {torch.get_num_threads()} threads)")


def _weights(settings: Settings) -> Iterator[Check]:
    from vitron_agent.model.adapter import PACKAGED
    from vitron_agent.model.encoders.weights import encoder_file
    from vitron_agent.model.weights import PULL_COMMAND, base_folder
    from vitron_agent.tools.backends.embedded import learned, mask_decoder, query

    for topic, path in (("planner base", base_folder(settings.cache)), ("image encoder", encoder_file(settings.cache))):
        there = path.exists()
        yield Check(topic, f"in {path}" if there else "not fetched yet", "" if there else PULL_COMMAND)
    shipped = {
        "planner adapter": PACKAGED / "adapter_model.safetensors",
        "planner signals": PACKAGED / "vitron.safetensors",
        "grounding": learned.WEIGHTS,
        "grounding by signals": query.WEIGHTS,
        "mask decoder": mask_decoder.WEIGHTS,
    }
    for topic, path in shipped.items():
        there = path.is_file()
        yield Check(topic, "in the package" if there else "missing", "" if there else "install the package again")


def _experts(settings: Settings) -> Iterator[Check]:
    from vitron_agent.profiles import load_profile

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
    folder = Path(settings.artifacts)
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    fix = "make room, or point VITRON_ARTIFACTS elsewhere" if free < _FREE_MB else ""
    return Check("disk", f"{free} MB free for {settings.artifacts}", fix)


def _database(settings: Settings) -> Check:
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    from vitron_agent.memory.database import driver_needed, explain, parse_url

    name = settings.database
    try:
        url = parse_url(name)
        name = url.render_as_string(hide_password=True)
        is_sqlite = url.drivername == "sqlite"
        if is_sqlite and url.database and not Path(url.database).exists():
            return Check("database", f"{name} will be made at the first turn")
        # Not through Repository, which would bring an older database up to date.
        options = {} if is_sqlite else {"connect_timeout": 10}
        with driver_needed(url):
            engine = create_engine(url, poolclass=NullPool, connect_args=options)
        try:
            with engine.connect() as connection:
                return _contents(connection, name)
        except SQLAlchemyError as error:
            raise explain(error, url) from error
    except VitronError as error:
        return Check("database", name, str(error))


def _contents(connection: "Connection", name: str) -> Check:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import func, select

    from vitron_agent.memory import migrations
    from vitron_agent.memory.models import SCHEMA_REVISION, VERSION_TABLE, Thread

    found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if found is None:
        return Check("database", f"{name} is blank; the first turn makes its tables")
    if found == SCHEMA_REVISION:
        number = connection.scalar(select(func.count()).select_from(Thread))
        return Check("database", f"{name}: {number} conversations")
    scripts = ScriptDirectory.from_config(migrations.config(connection))
    if found in {script.revision for script in scripts.walk_revisions()}:
        return Check("database", f"{name}: schema {found}; the next turn brings it to {SCHEMA_REVISION}")
    return Check("database", f"{name}: schema {found}, which a newer version wrote", "pip install -U vitron-agent")

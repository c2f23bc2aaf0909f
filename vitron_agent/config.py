"""Settings: defaults, overridden by ``VITRON_*`` variables of the environment, overridden by arguments.

This is the only module that reads the environment. Nested settings take two underscores:
``VITRON_LIMITS__MAX_PIXELS=200000000``, ``VITRON_BUDGET__SECONDS=60``.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from vitron_agent.errors import ConfigError
from vitron_agent.limits import Limits
from vitron_agent.messages import Channels

Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
ApprovalMode = Literal["never", "always", "edits"]
"""Which plans wait for the user: none, all that run an expert, or those that make or change a picture or clip."""


SettingsT = TypeVar("SettingsT", bound="Settings")


class _Values(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(_Values):
    """What one turn may cost; when it is spent the turn ends with what was finished.

    Attributes:
        steps: Invocations in one plan.
        calls: Expert calls in the whole turn, new plans after a failed verification included.
        seconds: Time for planning and experts together; waiting for the user's approval doesn't count.
        call_seconds: Time for one expert call.
    """

    steps: Annotated[int, Field(gt=0)] = 8
    calls: Annotated[int, Field(gt=0)] = 16
    seconds: Annotated[float, Field(gt=0)] = 900.0
    call_seconds: Annotated[float, Field(gt=0)] = 600.0


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vitron-agent"


class Settings(BaseSettings):
    """Everything that can be set.

    Attributes:
        profile: Which planner and backends.
        database: SQLAlchemy URL of the conversations, SQLite or PostgreSQL.
        artifacts: Folder or fsspec URL of the artifact store.
        cache: Folder of downloaded and converted weights.
        roots: Folders that pictures and clips may be read from (in the variable: separated as in PATH); None = any.
        limits: Of the ingest gate.
        max_attachments: How many pictures and clips may come with one message.
        max_characters: How long one message may be.
        budget: Of one turn.
        approval: When a plan waits for the user.
        channels: Which halves of the planner's message experts may read.
        device: Where the planner's model runs; auto = on a CUDA GPU where there is one. Embedded experts use the CPU.
        seed: For everything random.
        parallel_experts: How many experts run at the same time.
        keep_checkpoints: Keep the checkpoints of finished turns, for time travel; they grow the database.
        allow_weight_loading: False turns every weight load into an error (for tests).
    """

    model_config = SettingsConfigDict(
        env_prefix="VITRON_", env_nested_delimiter="__", frozen=True, extra="forbid", env_ignore_empty=True
    )

    profile: str = "embedded"
    database: str = "sqlite:///vitron.db"
    artifacts: str = "vitron_artifacts"
    cache: Path = Field(default_factory=_user_cache)
    roots: Annotated[tuple[Path, ...] | None, NoDecode] = None
    limits: Limits = Limits()
    max_attachments: Annotated[int, Field(gt=0)] = 16
    max_characters: Annotated[int, Field(gt=0)] = 8_000
    budget: Budget = Budget()
    approval: ApprovalMode = "never"
    channels: Channels = "hybrid"
    device: Device = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    parallel_experts: Annotated[int, Field(gt=0)] = 2
    keep_checkpoints: bool = False
    allow_weight_loading: bool = True

    @field_validator("roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        # An empty part would be the working directory.
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Reads the environment; arguments that are not None win.

        Raises:
            ConfigError: A value does not fit; names the setting and its variable.
        """
        given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
        return cls._checked(lambda: cls(**given))

    def replace(self, **overrides: object) -> Self:
        """These settings with some others; arguments that are None change nothing. Raises as :meth:`load`."""
        given = {name: value for name, value in overrides.items() if value is not None}
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return self._checked(lambda: type(self)(**kept | given))

    @staticmethod
    def _checked(make: Callable[[], SettingsT]) -> SettingsT:
        try:
            return make()
        except SettingsError as error:
            raise ConfigError(f"{error}; write nested settings as JSON or as VITRON_BUDGET__SECONDS=60") from error
        except ValidationError as error:
            first = error.errors()[0]
            path = [str(part) for part in first["loc"]]
            variable = "VITRON_" + "__".join(path).upper()
            raise ConfigError(
                f"setting {'.'.join(path)} (variable {variable}): {first['msg']}, got {first['input']!r}"
            ) from error

"""Run by Alembic, with the open connection of migrations.config(), or for developers with ``alembic -x url=...``."""

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.schema import SchemaItem

from vitron_agent.memory.database import make_engine, parse_url
from vitron_agent.memory.models import VERSION_TABLE, Base


def _is_ours(item: SchemaItem, name: str | None, kind: str, reflected: bool, compared: SchemaItem | None) -> bool:  # noqa: ARG001
    return kind != "table" or name in Base.metadata.tables


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        version_table=VERSION_TABLE,
        include_object=_is_ours,
        compare_type=True,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


_given: Connection | None = context.config.attributes.get("connection")
if _given is not None:
    _run(_given)
else:
    _url = context.get_x_argument(as_dictionary=True).get("url")
    if not _url:
        raise SystemExit("say which database: alembic -x url=sqlite:///scratch.db ...")
    with make_engine(parse_url(_url)).execution_options(vitron_write=True).begin() as _connection:
        _run(_connection)

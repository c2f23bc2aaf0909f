import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, text

from tests.memory.conversations import picture, say
from vitron_agent.errors import ConfigError, PersistenceError
from vitron_agent.memory import migrations
from vitron_agent.memory.database import Database
from vitron_agent.memory.models import SCHEMA_REVISION, VERSION_TABLE, Base
from vitron_agent.memory.repository import Repository

ours = {"include_object": lambda item, name, kind, *_: kind != "table" or name in Base.metadata.tables}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def blank_url(request, tmp_path) -> str:
    return request.getfixturevalue("blank_postgres") if request.param == "postgres" else f"sqlite:///{tmp_path}/test.db"


class TestMigrations:
    def test_from_blank_they_make_what_the_models_say(self, blank_url):
        database = Database(blank_url, busy_seconds=5.0)
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
            assert compare_metadata(context, Base.metadata) == []
            partial = "SELECT count(*) FROM {} WHERE {} = 'uq_vitron_turns_one_open'"
            catalog = ("sqlite_master", "name") if database.is_sqlite else ("pg_indexes", "indexname")
            assert connection.execute(text(partial.format(*catalog))).scalar() == 1
        database.close()

    def test_the_models_name_the_newest(self):
        with Database("sqlite://", busy_seconds=1.0).engine.connect() as connection:
            assert ScriptDirectory.from_config(migrations.config(connection)).get_heads() == [SCHEMA_REVISION]

    def test_opening_again_changes_nothing(self, blank_url, store):
        with Repository(blank_url, store) as repository:
            view = say(repository, "demo")
        with Repository(blank_url, store) as repository:
            assert repository.history("demo") == (view,)

    def test_an_older_database_keeps_its_conversations(self, blank_url, store):
        with Repository(blank_url, store) as repository:
            first = say(repository, "demo", "remove the lamp", picture(store, 1))
            second = say(repository, "demo", "and now?")
            with repository._database.write() as session:
                session.execute(text("ALTER TABLE vitron_turns ADD COLUMN undid BOOLEAN NOT NULL DEFAULT false"))
                session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
        with Repository(blank_url, store) as repository:
            assert repository.history("demo") == (first, second)
            say(repository, "demo", "then the chair")
        database = Database(blank_url, busy_seconds=5.0)
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
            assert compare_metadata(context, Base.metadata) == []
        database.close()

    def test_a_newer_database_is_left_alone(self, blank_url, store):
        database = Database(blank_url, busy_seconds=5.0)
        with database.write() as session:
            session.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
        database.close()
        with pytest.raises(PersistenceError, match="newer vitron-agent wrote; upgrade with: pip"):
            Repository(blank_url, store)

    def test_first_openers_do_not_trip_over_each_other(self, blank_url):
        code = "import sys; from vitron_agent.memory.database import Database; Database(sys.argv[1], 30.0).close()"
        openers = [
            subprocess.Popen([sys.executable, "-c", code, blank_url], stderr=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        errors = [opener.communicate(timeout=120)[1] for opener in openers]
        assert [opener.returncode for opener in openers] == [0] * 4, errors

    def test_other_tables_in_the_database_do_not_matter(self, blank_url, store):
        with Repository(blank_url, store) as repository:
            with repository._database.write() as session:
                session.execute(text("CREATE TABLE checkpoints (thread_id TEXT)"))
            say(repository, "demo")
        Repository(blank_url, store).close()


class TestUrls:
    @pytest.mark.parametrize(
        "url", ["vitron.db", "", "mysql://host/database", "sqlite+aiosqlite:///x.db", "http://x/y"]
    )
    def test_what_is_no_url_of_ours_is_refused(self, url, store):
        with pytest.raises(ConfigError, match=r"write sqlite:///vitron\.db or postgresql://"):
            Repository(url, store)

    def test_sqlite_options_are_refused(self, store):
        with pytest.raises(ConfigError, match="takes no options"):
            Repository("sqlite:///file:x.db?mode=ro&uri=true", store)

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
    def test_an_absent_server_is_named_without_its_password(self, scheme, store):
        with pytest.raises(PersistenceError, match="start the server, or mend") as caught:
            Repository(f"{scheme}://user:secret@/db?host=/nonexistent", store)
        assert "secret" not in str(caught.value)

    @pytest.mark.postgres
    def test_an_absent_database_is_named(self, postgres_server, store):
        url = postgres_server.set(drivername="postgresql", database="nothing").render_as_string(hide_password=False)
        with pytest.raises(PersistenceError, match="create the database and"):
            Repository(url, store)

    def test_a_missing_driver_names_the_extra(self, tmp_path):
        (tmp_path / "psycopg.py").write_text("raise ImportError('No module named psycopg')")
        code = (
            "from vitron_agent.memory.database import Database\n"
            "from vitron_agent.errors import ConfigError\n"
            "try: Database('postgresql://host/db', 1.0)\n"
            "except ConfigError as error: print(error)"
        )
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}"}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        assert "pip install 'vitron-agent[postgres]'" in done.stdout, done.stderr


class TestDamage:
    def test_a_file_that_is_something_else(self, tmp_path, store):
        path = tmp_path / "test.db"
        path.write_bytes(b"not a database at all, but long enough to look like one" * 40)
        with pytest.raises(PersistenceError, match="move it away, or restore a backup"):
            Repository(f"sqlite:///{path}", store)
        assert path.read_bytes().startswith(b"not a database")

    def test_a_damaged_file(self, tmp_path, store):
        path = tmp_path / "test.db"
        with Repository(f"sqlite:///{path}", store) as repository:
            for number in range(20):
                say(repository, "demo", "x" * 2000, picture(store, number))
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)
        with (
            pytest.raises(PersistenceError, match="it is damaged"),
            Repository(f"sqlite:///{path}", store) as repository,
        ):
            repository.history("demo")

    def test_a_folder_that_is_not_there(self, tmp_path, store):
        with pytest.raises(PersistenceError, match="make its folder"):
            Repository(f"sqlite:///{tmp_path}/nowhere/test.db", store)

    def test_a_full_disk_loses_nothing_that_was_there(self, tmp_path, store):
        with Repository(f"sqlite:///{tmp_path}/test.db", store) as repository:
            kept = say(repository, "demo", "before", picture(store))
            engine = repository._database.engine

            def limit(connection: sqlite3.Connection, _: object) -> None:
                pages = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count = {pages}")

            engine.dispose()
            event.listen(engine, "connect", limit)
            with pytest.raises(PersistenceError, match="free some space"):
                say(repository, "demo", "x" * 100_000)
            assert repository.history("demo") == (kept,)
            event.remove(engine, "connect", limit)
            engine.dispose()
            assert say(repository, "demo", "x" * 100_000).number == 2

    @pytest.mark.skipif(not hasattr(os, "geteuid"), reason="file modes are those of POSIX")
    def test_a_folder_that_may_not_be_written(self):
        code = (
            "from vitron_agent.memory.database import Database\n"
            "from vitron_agent.errors import PersistenceError\n"
            "import os, sys\n"
            "Database('sqlite://', 1.0)\n"
            "if os.geteuid() == 0: os.setuid(65534)  # root may write everywhere\n"
            "for name in ('new', 'old'):\n"
            "    try: Database(f'sqlite:///{sys.argv[1]}/{name}.db', 1.0)\n"
            "    except PersistenceError as error: print(error)"
        )
        folder = Path(tempfile.mkdtemp())  # not below tmp_path: another user must get there
        try:
            Database(f"sqlite:///{folder}/old.db", 1.0).close()
            (folder / "old.db").chmod(0o444)
            folder.chmod(0o555)
            done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
            new, old = done.stdout.splitlines()
            assert "make its folder, or make it readable and writable" in new
            assert "writable" in old
        finally:
            folder.chmod(0o755)
            shutil.rmtree(folder)

"""Brings a database to the tables of this program, by Alembic.

In: a connection in a transaction that holds the lock of writers. Out: the tables of
`schema`; data is kept. All steps happen in this one transaction, also on SQLite: what
is interrupted has not begun. A database that holds tables of somebody else, or of a
newer program, is left as it is.
"""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from cloud.errors import StoreError

_PLACE = str(Path(__file__).parent)
VERSIONS = "alembic_version"
FIRST = "0001"
"""Databases of this version name it in a table of their own, `schema_version`."""


def upgrade(connection: Connection) -> None:
    """Makes or changes the tables. Raises StoreError; then nothing was touched."""
    config = Config()
    config.set_main_option("script_location", _PLACE)
    config.attributes["connection"] = connection
    tables = set(sa.inspect(connection).get_table_names())
    if VERSIONS in tables:
        if _known(connection) == _scripts().get_current_head():
            return
    elif "schema_version" in tables:
        _check_first(connection)
        command.stamp(config, FIRST)
    elif tables:
        raise StoreError("it holds tables of another program; name another database")
    command.upgrade(config, "head")


@cache
def _scripts() -> ScriptDirectory:
    """The steps, of which each is compiled anew when they are read."""
    return ScriptDirectory(_PLACE)


def _known(connection: Connection) -> str:
    """Which version the database has. Raises StoreError for what we never made."""
    version = connection.scalar(sa.text(f"SELECT version_num FROM {VERSIONS}"))
    scripts = _scripts()
    if version not in {script.revision for script in scripts.walk_revisions()}:
        raise _wrong_version(version, scripts.get_current_head())
    return str(version)


def _check_first(connection: Connection) -> None:
    version = connection.scalar(sa.text("SELECT version FROM schema_version"))
    if version != int(FIRST):
        raise _wrong_version(version, FIRST)


def _wrong_version(version: object, needed: object) -> StoreError:
    return StoreError(
        f"its tables are of version {version}, this program knows those up to "
        f"{needed}; name another database, or run the program that made it"
    )

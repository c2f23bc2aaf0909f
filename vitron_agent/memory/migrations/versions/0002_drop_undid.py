"""Whether a turn undid others is not stored: its parent and where it began say it."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies it."""
    # In place: batch mode makes the table anew on SQLite, and dropping the old one deletes the rows that refer to it.
    op.drop_column("vitron_turns", "undid")

"""Threads, turns, ledger, artifacts, handles, lineage, signals."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Applies it."""
    op.create_table(
        "vitron_artifacts",
        sa.Column("pk", ROW, nullable=False),
        sa.Column("id", sa.String(length=71), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("mime", sa.String(length=100), nullable=False),
        sa.Column("nbytes", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("frames", sa.Integer(), nullable=True),
        sa.Column("fps", sa.Float(precision=53), nullable=True),
        sa.Column("dtype", sa.String(length=32), nullable=True),
        sa.Column("shape", sa.JSON(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_vitron_artifacts")),
        sa.UniqueConstraint("id", "kind", name=op.f("uq_vitron_artifacts_id_kind")),
    )
    op.create_table(
        "vitron_threads",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("head_id", ROW, nullable=True),
        sa.Column("base_id", ROW, nullable=True),
        sa.Column("selected", sa.String(length=32), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vitron_threads")),
    )
    op.create_index(op.f("ix_vitron_threads_base_id"), "vitron_threads", ["base_id"], unique=False)
    op.create_index(op.f("ix_vitron_threads_updated"), "vitron_threads", ["updated"], unique=False)
    op.create_table(
        "vitron_counters",
        sa.Column("thread_id", sa.String(length=200), nullable=False),
        sa.Column("stem", sa.String(length=16), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("next", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["vitron_threads.id"], name=op.f("fk_vitron_counters_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("thread_id", "stem", name=op.f("pk_vitron_counters")),
    )
    op.create_table(
        "vitron_turns",
        sa.Column("id", ROW, nullable=False),
        sa.Column("thread_id", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("parent_id", ROW, nullable=True),
        sa.Column("began_after", ROW, nullable=True),
        sa.Column("undid", sa.Boolean(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("attached", sa.JSON(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("began_with", sa.String(length=32), nullable=True),
        sa.Column("current", sa.String(length=32), nullable=True),
        sa.Column("current_position", sa.Integer(), nullable=True),
        sa.Column("owner", sa.String(length=100), nullable=True),
        sa.Column("lease_until", sa.Float(precision=53), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["vitron_turns.id"], name=op.f("fk_vitron_turns_parent_id")),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["vitron_threads.id"], name=op.f("fk_vitron_turns_thread_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vitron_turns")),
        sa.UniqueConstraint("thread_id", "number", name=op.f("uq_vitron_turns_thread_id_number")),
    )
    op.create_index(op.f("ix_vitron_turns_parent_id"), "vitron_turns", ["parent_id"], unique=False)
    op.create_index(
        "uq_vitron_turns_one_open",
        "vitron_turns",
        ["thread_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('running', 'needs_approval')"),
        postgresql_where=sa.text("status IN ('running', 'needs_approval')"),
    )
    op.create_table(
        "vitron_invocations",
        sa.Column("pk", ROW, nullable=False),
        sa.Column("turn_id", ROW, nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("invocation", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("claimed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["vitron_turns.id"], name=op.f("fk_vitron_invocations_turn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_vitron_invocations")),
        sa.UniqueConstraint("turn_id", "id", name=op.f("uq_vitron_invocations_turn_id_id")),
    )
    op.create_table(
        "vitron_pins",
        sa.Column("turn_id", ROW, nullable=False),
        sa.Column("artifact_id", sa.String(length=71), nullable=False),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["vitron_turns.id"], name=op.f("fk_vitron_pins_turn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("turn_id", "artifact_id", name=op.f("pk_vitron_pins")),
    )
    op.create_index(op.f("ix_vitron_pins_artifact_id"), "vitron_pins", ["artifact_id"], unique=False)
    op.create_table(
        "vitron_signals",
        sa.Column("turn_id", ROW, nullable=False),
        sa.Column("invocation_id", sa.String(length=200), nullable=False),
        sa.Column("artifact_id", sa.String(length=71), nullable=False),
        sa.Column("num_shared", sa.Integer(), nullable=False),
        sa.Column("num_private", sa.Integer(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["vitron_turns.id"], name=op.f("fk_vitron_signals_turn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("turn_id", "invocation_id", name=op.f("pk_vitron_signals")),
    )
    op.create_index(op.f("ix_vitron_signals_artifact_id"), "vitron_signals", ["artifact_id"], unique=False)
    op.create_table(
        "vitron_handles",
        sa.Column("thread_id", sa.String(length=200), nullable=False),
        sa.Column("stem", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("turn_id", ROW, nullable=False),
        sa.Column("artifact_pk", ROW, nullable=False),
        sa.Column("invocation_pk", ROW, nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["artifact_pk"], ["vitron_artifacts.pk"], name=op.f("fk_vitron_handles_artifact_pk")),
        sa.ForeignKeyConstraint(
            ["invocation_pk"],
            ["vitron_invocations.pk"],
            name=op.f("fk_vitron_handles_invocation_pk"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["vitron_threads.id"], name=op.f("fk_vitron_handles_thread_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["vitron_turns.id"], name=op.f("fk_vitron_handles_turn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("thread_id", "stem", "number", name=op.f("pk_vitron_handles")),
    )
    op.create_index(op.f("ix_vitron_handles_artifact_pk"), "vitron_handles", ["artifact_pk"], unique=False)
    op.create_index(op.f("ix_vitron_handles_invocation_pk"), "vitron_handles", ["invocation_pk"], unique=False)
    op.create_index(op.f("ix_vitron_handles_turn_id"), "vitron_handles", ["turn_id"], unique=False)
    op.create_table(
        "vitron_lineage",
        sa.Column("invocation_pk", ROW, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("artifact_pk", ROW, nullable=False),
        sa.ForeignKeyConstraint(["artifact_pk"], ["vitron_artifacts.pk"], name=op.f("fk_vitron_lineage_artifact_pk")),
        sa.ForeignKeyConstraint(
            ["invocation_pk"],
            ["vitron_invocations.pk"],
            name=op.f("fk_vitron_lineage_invocation_pk"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("invocation_pk", "ordinal", name=op.f("pk_vitron_lineage")),
    )
    op.create_index(op.f("ix_vitron_lineage_artifact_pk"), "vitron_lineage", ["artifact_pk"], unique=False)

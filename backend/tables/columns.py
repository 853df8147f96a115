"""Columns that many tables have, and what all tables belong to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData

metadata = MetaData()


def to(parent: str, *, nullable: bool = False, **options: Any) -> Column[Any]:
    """A reference to a row of `parent`, as table.column, named by its table."""
    name = parent.partition(".")[0]
    return Column(name, ForeignKey(parent), nullable=nullable, **options)


def ms(name: str, *, nullable: bool = False) -> Column[int]:
    """Milliseconds."""
    return Column(name, Integer, nullable=nullable)


def of_record() -> tuple[Column[Any], Column[Any]]:
    """The record that a fact comes from: (hub, kid, sequence)."""
    return (
        Column("epoch", ForeignKey("epoch.id"), primary_key=True),
        Column("sequence", Integer, primary_key=True, autoincrement=False),
    )


def when() -> tuple[Column[Any], ...]:
    """An instant on a hub; `boot` is the hub's name and its boot id, hashed."""
    return (
        Column("boot", LargeBinary, nullable=False),
        ms("boottime_ms"),
        ms("utc_ms"),
        Column("quality", Integer, nullable=False),
    )

"""Up to when each person has read what is new, in the store's database."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

metadata = MetaData()

marks = Table(
    "today_marks",
    metadata,
    Column("person", Text, primary_key=True, nullable=False),
    Column("mark_ns", BigInteger, nullable=False),
    Column("before_ns", BigInteger, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
)
"""What was stored after `mark_ns` is new to the person; `before_ns` is the mark before.
`seen_ns`: up to when the page has shown it; it becomes the mark once the visit is over.
"""

"""Tables of facts about the database, and about each publication's state as a whole."""

from sqlalchemy import Column, MetaData, String, Table

metadata = MetaData()

# Facts about the database itself, and no publication's: the version of the tables, and where they have moved to. Every
# version of the program reads these two before anything else.
meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

# Facts about one publication that are no table's: by which key the erased are known, when bounces were decided about.
facts = Table(
    "facts",
    metadata,
    Column("publication", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

# Generations of what a state knew of who left, see store/generations.py: a record in git names one, and a state without
# it is an older copy.
generations = Table(
    "generations",
    metadata,
    Column("publication", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("at", String, nullable=False),
)

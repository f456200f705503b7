"""The store: experiments, deployments and saved targets, in SQLite or PostgreSQL by SQLAlchemy Core.

Contract: every verb is one transaction; whatever SQL raises leaves here as one of our errors. `sqlite` is the only
module that knows what is special about SQLite, `migrations` the only one that imports alembic. Nothing here is
imported by `phoenix --help` or by the reading of documents.
"""

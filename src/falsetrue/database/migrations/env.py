"""What Alembic runs: the revisions, on the connection and in the transaction that it was given."""

from alembic import context

from falsetrue.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by making another
    transactional_ddl=True,  # both databases take back half a revision
)
context.run_migrations()

"""Where what must outlive a process is kept: SQLite, or PostgreSQL by address."""

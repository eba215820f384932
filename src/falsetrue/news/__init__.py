"""News: what an article is, how files are read and written, cleaned and split."""

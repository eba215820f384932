"""One verb a file: the only place that chains the stages."""

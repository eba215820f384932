"""What was said, and what people said of it: a row for each prediction."""

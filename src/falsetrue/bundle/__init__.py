"""What is saved: the sealed folder of a model."""

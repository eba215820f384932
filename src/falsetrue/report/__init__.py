"""What jobs found, as pages that people read and print."""

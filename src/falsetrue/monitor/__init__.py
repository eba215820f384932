"""Is it still right? What is said now, held against a baseline, by type of drift; pure but for what is marked ◆."""

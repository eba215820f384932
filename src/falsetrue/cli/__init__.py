"""The command line: thin verbs. Only here are errors turned into exit codes."""

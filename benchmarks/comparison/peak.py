"""Runs a command and prints what it printed last, a JSON object, with its peak memory added.

A process begins with the peak of the one that started it, so this one stays small: it imports nothing large.
"""

import json
import os
import subprocess
import sys

with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as process:
    printed = process.stdout.read() if process.stdout else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
if process.returncode:
    sys.exit(process.returncode)
print(json.dumps(json.loads(printed) | {"peak_mb": used.ru_maxrss * 1024 / 1e6}))

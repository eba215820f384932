"""Exit codes. 0 is done; 1, of any verb but `doctor`, is left to what nobody foresaw."""

TO_MEND = 1  #: doctor found something to mend
BAD_INPUT = 2  #: something given cannot be used
SOME_ROWS = 3  #: done, but some rows could not be classified
BAD_MODEL = 4  #: the model cannot be used
LEAK_FOUND = 5  #: the audit found a leak, and was asked to fail then
WARNING = 10  #: monitoring found a drift, or has an alarm open, that warns
CRITICAL = 20  #: the same, that is critical
STOPPED = 130  #: interrupted from the keyboard: 128 and the number of SIGINT, as shells have it

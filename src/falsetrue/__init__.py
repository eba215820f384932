"""falsetrue: a false / real news classifier that is trained, saved, served, and says when it does not know.

It detects resemblance to the sources it learnt from; it does not verify facts.
"""

__version__ = "0.1.0"

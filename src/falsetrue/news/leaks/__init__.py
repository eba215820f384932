"""What gives the label away without being the news itself.

``words`` finds n-grams, ``shape`` measures the writing, ``facts`` looks at what is said about articles, and
``evidence`` gathers these for one corpus. ``testing`` decides which of them are leaks, ``wordings`` which n-grams
are not the news itself, ``after`` what masks and filters leave of them; ``search`` puts this together for one
corpus and ``across`` for several. ``counted`` is what is not tested, and ``findings`` is how all of it is told.
"""

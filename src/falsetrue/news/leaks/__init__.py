"""What gives the label away without being the news itself.

``words`` finds n-grams, ``shape`` measures the writing, ``facts`` looks at what is said about articles,
``testing`` decides which of these are leaks, ``findings`` is how they are told, and ``search`` puts
the parts together for one corpus or for several.
"""

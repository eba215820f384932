"""HTTP and page. Only ``app.py`` knows which error is which status code."""

"""A file of news to a file of probabilities, as a short script does it; prints the seconds it took as JSON.

``python predict_file.py NEWS.csv|.parquet SCORED.csv|.parquet`` in the folder of ``model_final.joblib``.
"""

import json
import sys
import time

import joblib
import pyarrow
import pyarrow.csv
import pyarrow.parquet

source, destination = sys.argv[1:]
model = joblib.load("model_final.joblib")

started = time.perf_counter()
if source.endswith(".csv"):
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    news = pyarrow.csv.read_csv(source, parse_options=options)
else:
    news = pyarrow.parquet.read_table(source)
titles, texts = news["title"].to_pylist(), news["text"].to_pylist()
p_real = model.predict_proba([f"{title} , {text}" for title, text in zip(titles, texts, strict=True)])[:, 1]
scored = pyarrow.table({"p_real": p_real, "is_falsetrue": (p_real > 0.5).astype("int8")})
if destination.endswith(".csv"):
    pyarrow.csv.write_csv(scored, destination)
else:
    pyarrow.parquet.write_table(scored, destination)
print(json.dumps({"seconds": time.perf_counter() - started}))

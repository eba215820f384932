"""A Parquet file of news to one of probabilities, as a short script with pandas does it; prints its seconds as JSON.

``python predict_file.py NEWS.parquet SCORED.parquet`` in the folder of ``model_final.joblib``.
"""

import json
import sys
import time

import joblib
import pandas

source, destination = sys.argv[1:]
model = joblib.load("model_final.joblib")

started = time.perf_counter()
news = pandas.read_parquet(source)
p_real = model.predict_proba(news["title"] + " , " + news["text"])[:, 1]
pandas.DataFrame({"p_real": p_real, "is_falsetrue": (p_real > 0.5).astype("int8")}).to_parquet(destination)
print(json.dumps({"seconds": time.perf_counter() - started, "rows": len(news)}))

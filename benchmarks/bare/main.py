"""The deployed way: a pipeline from joblib behind a FastAPI endpoint. Starts in the folder of the joblib file."""

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load("model_final.joblib")


class News(BaseModel):
    """Texts to classify."""

    texts: list[str]


@app.post("/falsetrue")
def falsetrue(news: News) -> dict[str, list[int]]:
    """0 false, 1 real."""
    return {"is_falsetrue": model.predict(news.texts).tolist()}

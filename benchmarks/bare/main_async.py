"""The same with an ``async def`` endpoint, which FastAPI runs in the event loop and not in a thread."""

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load("model_final.joblib")


class News(BaseModel):
    """Texts to classify."""

    texts: list[str]


@app.post("/falsetrue")
async def falsetrue(news: News) -> dict[str, list[int]]:
    """0 false, 1 real."""
    return {"is_falsetrue": model.predict(news.texts).tolist()}

"""The scikit-learn pipeline of the model ``plain``, converted by skl2onnx and run by ONNX Runtime on one thread."""

from pathlib import Path

import joblib
import numpy
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from task import Label, solve


def learn(bundle: Path, _texts: list[str], _labels: list[int]) -> Label:
    """Nothing is learnt: the weights are the pipeline's."""
    pipeline = joblib.load(bundle / "model_final.joblib")
    converted = to_onnx(
        pipeline,
        initial_types=[("texts", StringTensorType([None, 1]))],
        # Its own locale for lower-casing, en_US.UTF-8, is not on every machine; this one is.
        options={id(pipeline[0]): {"locale": "C.UTF-8"}, id(pipeline[-1]): {"zipmap": False}},
        target_opset=17,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(converted.SerializeToString(), options)
    return lambda asked: session.run(["label"], {"texts": numpy.array(asked, dtype=object)[:, None]})[0].tolist()


solve(learn)

"""The usual Python tools on one model: onnxruntime.quantization, as their documentation says to use them.

usage: ort_quantize.py static|static-unprepared|dynamic MODEL FEEDS.npz OUT_DIR
FEEDS.npz holds one array an input, axis 0 being the row.
PyTorch is not loaded, unless WITH_TORCH is set: the tool does not need it, and loads it wherever it is installed.
Writes OUT_DIR/SCHEME.onnx and nothing that this scheme does not need, so that the whole process is what it costs.
Prints one JSON line: wall seconds of each step, and what failed with its message.
"""
import json
import os
import sys
import time

if not os.environ.get("WITH_TORCH"):
    sys.modules["torch"] = None

import numpy as np
import onnx
import onnx.defs

# Debian registers every schema of the runtime's domains twice; the standard ones are all that is needed.
_all = onnx.defs.get_all_schemas_with_history
onnx.defs.get_all_schemas_with_history = lambda: [s for s in _all() if s.domain in ("", "ai.onnx.ml")]

from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Rows(CalibrationDataReader):
    def __init__(self, path):
        arrays = dict(np.load(path))
        count = min(len(array) for array in arrays.values())
        self.rows = iter([{name: array[i : i + 1] for name, array in arrays.items()} for i in range(count)])

    def get_next(self):
        return next(self.rows, None)


def attempt(name, work):
    start = time.perf_counter()
    try:
        work()
        steps[name] = {"seconds": round(time.perf_counter() - start, 3)}
    except Exception as error:  # what fails is a result, too
        steps[name] = {"failed": str(error).splitlines()[0][:200] if str(error) else type(error).__name__}
    return "failed" not in steps[name]


scheme, model, feeds, out = sys.argv[1:5]
steps = {}
prepared = os.path.join(out, "prepared.onnx")
upgraded = os.path.join(out, "upgraded.onnx")


def upgrade():
    import onnx.version_converter

    onnx.save(onnx.version_converter.convert_version(onnx.load(model), 13), upgraded)


source = model
opsets = onnx.load(model, load_external_data=False).opset_import
if next(o.version for o in opsets if o.domain in ("", "ai.onnx")) < 13 and attempt("upgrade", upgrade):
    source = upgraded
if scheme == "static-unprepared":
    prepared = source
elif not attempt("pre-process", lambda: quant_pre_process(source, prepared, skip_symbolic_shape=False)):
    if not attempt("pre-process without symbolic shapes", lambda: quant_pre_process(source, prepared, skip_symbolic_shape=True)):
        prepared = source
target = os.path.join(out, scheme + ".onnx")
if scheme != "dynamic":
    attempt(
        scheme,
        lambda: quantize_static(
            prepared,
            target,
            Rows(feeds),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        ),
    )
else:
    attempt("dynamic", lambda: quantize_dynamic(prepared, target))
print(json.dumps({"steps": steps, "torch": sys.modules.get("torch") is not None}))

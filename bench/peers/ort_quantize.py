"""The usual Python tools on one model: onnxruntime.quantization, as their documentation says to use them.

usage: ort_quantize.py MODEL FEEDS.npz OUT_DIR
FEEDS.npz holds one array an input, axis 0 being the row.
Prints one JSON line: wall seconds of each step and of the process up to the static file, peak memory of this process, and what failed with its message.
"""
import json
import os
import resource
import sys
import time

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


model, feeds, out = sys.argv[1:4]
steps = {}
prepared = os.path.join(out, "prepared.onnx")
# The interpreter and its imports belong to the time that a user waits, as they do for every other tool here.
with open("/proc/self/stat") as stat:
    born = int(stat.read().rsplit(") ", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
start = time.perf_counter() - (time.clock_gettime(time.CLOCK_BOOTTIME) - born)


def upgrade():
    loaded = onnx.load(model)
    version = next(o.version for o in loaded.opset_import if o.domain in ("", "ai.onnx"))
    onnx.save(onnx.version_converter.convert_version(loaded, 13) if version < 13 else loaded, os.path.join(out, "upgraded.onnx"))


import onnx.version_converter

source = model
if attempt("upgrade", upgrade):
    source = os.path.join(out, "upgraded.onnx")
if not attempt("pre-process", lambda: quant_pre_process(source, prepared, skip_symbolic_shape=False)):
    if not attempt("pre-process without symbolic shapes", lambda: quant_pre_process(source, prepared, skip_symbolic_shape=True)):
        prepared = source
attempt(
    "static",
    lambda: quantize_static(
        prepared,
        os.path.join(out, "static.onnx"),
        Rows(feeds),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    ),
)
static_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
static_seconds = time.perf_counter() - start
attempt("dynamic", lambda: quantize_dynamic(prepared, os.path.join(out, "dynamic.onnx")))
print(
    json.dumps(
        {
            "steps": steps,
            "staticSeconds": round(static_seconds, 3),
            "staticPeakBytes": static_peak,
            "seconds": round(time.perf_counter() - start, 3),
            "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
    )
)

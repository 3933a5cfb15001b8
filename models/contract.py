"""The model folder that Wardwatch loads: ONNX graph, `model.yaml`, golden rows. See crates/inference for the meanings."""

import csv
import hashlib
import re

import numpy as np
import onnx
import onnxruntime
import yaml
from onnx import TensorProto, helper, numpy_helper

from network import CLIP

# Unit and plausible range of what a feature's name starts with; pressures of either source share a row.
VITAL_SIGNS = {
    "heart_rate": ("/min", 0, 350),
    "temperature": ("Cel", 25, 45),
    "gcs_total": ("{score}", 3, 15),
    "resp_rate": ("/min", 0, 150),
    "fio2": ("%", 20, 100),
    "spo2": ("%", 10, 100),
}
PRESSURE = ("mm[Hg]", 0, 375)
CONTEXT = {"age_years": ("a", 0, 130), "sex_female": ("1", 0, 1)}
FEATURE = re.compile(r"(?P<sign>\w+)_(?P<aggregate>avg|min|max|sd|slope|latest|count|age)_(?P<hours>\d+)h")


def unit_and_range(name):
    """From a feature's name: `heart_rate_slope_6h` -> ("/min/min", -1000, 1000)."""
    if name in CONTEXT:
        return CONTEXT[name]
    match = FEATURE.fullmatch(name)
    if match is None:
        raise ValueError(f"feature `{name}` is not named SIGN_AGGREGATE_HOURSh, so its unit is unknown")
    unit, low, high = VITAL_SIGNS.get(match["sign"], PRESSURE)
    seconds = int(match["hours"]) * 3600
    return {
        "sd": (unit, 0, high - low),
        "slope": (f"{unit}/min", -1000, 1000),
        "count": ("1", 0, seconds),
        "age": ("s", 0, seconds),
    }.get(match["aggregate"], (unit, low, high))


def kind(name):
    """When an input is evidence that something was measured: see InputKind in crates/inference."""
    if name in CONTEXT:
        return "context"
    return "count" if FEATURE.fullmatch(name)["aggregate"] == "count" else "measurement"


def evidence(names, values):
    """[N, F] with NaN for missing -> [N]: how many inputs say that something was measured."""
    kinds = np.array([kind(name) for name in names])
    with np.errstate(invalid="ignore"):
        return ((~np.isnan(values) & (kinds == "measurement")) | ((values > 0) & (kinds == "count"))).sum(axis=1)


def blocks(weights):
    """[M, a, b] -> [M*a, M*b], zero outside of the members' own blocks."""
    members, rows, columns = weights.shape
    wide = np.zeros((members, rows, members, columns), np.float32)
    for member in range(members):
        wide[member, :, member] = weights[member]
    return wide.reshape(members * rows, members * columns)


def graph(scaling, network, line):
    """f32[N, 2F] of values and presence flags -> f32[N, 1], a calibrated probability. `line` is Platt's slope, intercept."""
    width = len(scaling.mean)
    members = len(network.weights[1])
    slope, intercept = line
    last_bias = slope * network.biases[2].mean() + intercept
    constants = {
        "values_from": np.array([0]), "values_to": np.array([width]), "flags_to": np.array([2 * width]), "axis": np.array([1]),
        "mean": scaling.mean[None], "spread": scaling.spread[None],
        "clip_low": np.float32(-CLIP), "clip_high": np.float32(CLIP),
        "w1": network.weights[0], "b1": network.biases[0],
        "w2": blocks(network.weights[1]), "b2": network.biases[1].reshape(-1),
        "w3": (slope / members * network.weights[2].reshape(-1, 1)).astype(np.float32),
        "b3": np.array([last_bias], np.float32),
    }
    nodes = [
        ("Slice", ["inputs", "values_from", "values_to", "axis"], "values"),
        ("Slice", ["inputs", "values_to", "flags_to", "axis"], "flags"),
        ("Sub", ["values", "mean"], "centred"),
        ("Div", ["centred", "spread"], "scaled"),
        ("Clip", ["scaled", "clip_low", "clip_high"], "clipped"),
        # A missing value enters as the mean and is 0 already; the flag makes sure of it.
        ("Mul", ["clipped", "flags"], "standard"),
        ("Concat", ["standard", "flags"], "encoded"),
        ("Gemm", ["encoded", "w1", "b1"], "sum1"), ("Relu", ["sum1"], "hidden1"),
        ("Gemm", ["hidden1", "w2", "b2"], "sum2"), ("Relu", ["sum2"], "hidden2"),
        ("Gemm", ["hidden2", "w3", "b3"], "logit"), ("Sigmoid", ["logit"], "probability"),
    ]
    made = [helper.make_node(op, inputs, [out], **({"axis": 1} if op == "Concat" else {})) for op, inputs, out in nodes]
    body = helper.make_graph(
        made, "wardwatch",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["batch", 2 * width])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], producer_name="wardwatch")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


class Session:
    """onnxruntime behind the contract's missing-value policy: the reference that Wardwatch is compared with."""

    def __init__(self, folder):
        self.contract = yaml.safe_load((folder / "model.yaml").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(folder / self.contract["file"], options, providers=["CPUExecutionProvider"]).run

    def score(self, values):
        """[N, F] with NaN for missing -> [N] probabilities. Out of range is missing."""
        low, high = np.array([spec["range"] for spec in self.contract["inputs"]]).T
        with np.errstate(invalid="ignore"):
            present = (values >= low) & (values <= high)
        filled = np.where(present, values, [spec["cohort_mean"] for spec in self.contract["inputs"]])
        tensor = np.concatenate([filled, present], axis=1).astype(np.float32)
        return self.run(None, {"inputs": tensor})[0][:, 0]


def write(folder, names, scaling, network, line, words):
    """Writes ONNX file and `model.yaml`. `words` holds the contract's fields that are not the network's own."""
    folder.mkdir(parents=True, exist_ok=True)
    bytes_ = graph(scaling, network, line).SerializeToString(deterministic=True)
    file = f"{words['model']}.onnx"
    (folder / file).write_bytes(bytes_)
    inputs = []
    for name, mean in zip(names, scaling.mean):
        unit, low, high = unit_and_range(name)
        inputs.append({
            "name": name, "unit": unit, "range": [low, high], "cohort_mean": float(mean),
            "required": name in words["required"], "kind": kind(name),
        })
    contract = {
        "model": words["model"], "version": words["version"], "file": file, "sha256": hashlib.sha256(bytes_).hexdigest(),
        "predicts": words["predicts"], "inputs": inputs,
        "missing": {"presence": True, "require_at_least": words["require_at_least"]},
        "output": {"name": "probability", "kind": "probability"},
        "calibration": words["calibration"], "training": words["training"],
        "golden": "golden.csv", "tolerance": 1e-5,
    }
    text = yaml.dump(contract, Dumper=Plain, sort_keys=False, width=1000)
    (folder / "model.yaml").write_text(text)


class Plain(yaml.SafeDumper):
    """Block style, but one line an input."""

    def represent_mapping(self, tag, mapping, flow_style=None):
        return super().represent_mapping(tag, mapping, flow_style="cohort_mean" in mapping)


def write_rows(path, names, values, expected=None):
    """A CSV file of rows: an empty cell is a missing value."""
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*names, *([] if expected is None else ["expected"])])
        for i, row in enumerate(values):
            cells = ["" if np.isnan(value) else repr(float(np.round(value, 6))) for value in row]
            writer.writerow(cells + ([] if expected is None else [repr(round(float(expected[i]), 9))]))


def write_golden(folder, names, values):
    """Golden rows: scored as they are read back, rounded."""
    values = np.round(values, 6)
    write_rows(folder / "golden.csv", names, values, Session(folder).score(values))

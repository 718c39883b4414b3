#!/usr/bin/env python3
"""Trains the demo servers' two digit classifiers on the UCI handwritten digits and writes their weights.

    python3 -m venv /tmp/train && /tmp/train/bin/pip install scikit-learn==1.7.2
    /tmp/train/bin/python scripts/train-digits.py

Version 1 ("stable") is a softmax regression, version 2 ("canary") a perceptron with one hidden layer of 32.
The data set (1797 images of 8x8 pixels, 0 to 16; E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0)
comes with scikit-learn. A stratified quarter is held out; the accuracies printed, and kept in the file, are of that quarter.
The same quarter gives examples/digits.json. Everything is seeded, so a second run writes the same predictions.
"""

import base64
import json
import pathlib

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

SEED = 20260101
PIXEL_MAX = 16.0  # the data set's own range; the model scales by it, so that clients send raw pixels
root = pathlib.Path(__file__).resolve().parent.parent


def layer(weights: np.ndarray, bias: np.ndarray) -> dict:
    """Row-major [inputs, outputs] weights and the bias as base64 of little-endian float32."""

    def text(array: np.ndarray) -> str:
        return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()

    return {
        "inputs": weights.shape[0],
        "outputs": weights.shape[1],
        "weights": text(weights),
        "bias": text(bias),
    }


def main() -> None:
    pixels, digits = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, digits, test_size=0.25, stratify=digits, random_state=SEED
    )
    softmax = LogisticRegression(max_iter=2000, random_state=SEED)
    softmax.fit(train_x / PIXEL_MAX, train_y)
    perceptron = MLPClassifier((32,), alpha=1e-2, max_iter=600, random_state=SEED)
    perceptron.fit(train_x / PIXEL_MAX, train_y)

    versions = {}
    for number, label, model, layers in (
        (1, "stable", softmax, [layer(softmax.coef_.T, softmax.intercept_)]),
        (2, "canary", perceptron, [layer(w, b) for w, b in zip(perceptron.coefs_, perceptron.intercepts_)]),
    ):
        accuracy = model.score(test_x / PIXEL_MAX, test_y)
        print(f"version {number} ({label}): test accuracy {accuracy:.4f} on {len(test_y)} images")
        versions[str(number)] = {"label": label, "testAccuracy": round(accuracy, 4), "layers": layers}

    weights = {"pixelMax": PIXEL_MAX, "testImages": len(test_y), "versions": versions}
    (root / "src/demo/weights/digits.json").write_text(json.dumps(weights, indent=2) + "\n")

    # The held-out quarter, so that a test can measure the accuracy again through the server: a line an image,
    # the digit, a blank, and 64 pixels as one base-17 digit each.
    lines = [f"{digit} " + "".join("0123456789abcdefg"[int(p)] for p in row) for row, digit in zip(test_x, test_y)]
    (root / "test/demo/digits-test.txt").write_text("\n".join(lines) + "\n")

    # The first held-out image of each digit, 0 to 9.
    (root / "examples").mkdir(exist_ok=True)
    first = [test_x[list(test_y).index(digit)] for digit in range(10)]
    instances = ",\n    ".join(f"[{', '.join(str(int(p)) for p in row)}]" for row in first)
    (root / "examples/digits.json").write_text(f'{{\n  "instances": [\n    {instances}\n  ]\n}}\n')


if __name__ == "__main__":
    main()

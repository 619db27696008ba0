"""Settings of `fit.py` for the forms that the benchmarks compare, in addition to jat_ean.yaml."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "training" / "configs" / "jat_ean.yaml"
PUBLISHED = (
    "model={name: jat, cutoff: 5.0, n_layers: 7, features: 48, attention_features: 48, "
    "smooth: false, aggregation: softmax, filters: false, edge_features: distance_squared}"
)
SCHNET = "model={name: schnet, cutoff: 5.0, n_layers: 6, features: 128}"
ADAM = "optimizer={kind: adam, lr: 5.0e-4, weight_decay: 0.0}"  # SchNet's, in its papers

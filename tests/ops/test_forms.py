"""Every operator has a portable and a fused form; models hold either and do not know which."""

import inspect
import zipfile

import pytest
import torch
from repository import REPOSITORY
from systems import FORMS as MODELS
from systems import make_checkpoint
from test_fused_ops import compare, random_leaves
from torch.profiler import ProfilerActivity, profile

from physrep import ops
from physrep.checkpoint import new_checkpoint
from physrep.engines.export import export_potential
from physrep.library import OPERATORS_FILE, find_built, read_stamp
from physrep.ops import loading
from physrep.ops.neighbor_list import NeighborList
from physrep.ops.operator import Operator
from physrep.ops.skip_norm import PortableSkipNorm
from physrep.torchscript import compile_script

OPERATORS = Operator.__subclasses__()
PACKAGE = REPOSITORY / "plugin" / "physrep"


def operators_of(module: torch.nn.Module) -> list[Operator]:
    return [child for child in module.modules() if isinstance(child, Operator)]


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: o.__name__)
def test_both_forms_take_the_same_arguments(operator):
    assert set(operator.forms) == set(ops.FORMS)
    for form, made in operator.forms.items():
        assert made.form == form
        assert inspect.signature(made.forward) == inspect.signature(operator.forward)


@pytest.mark.parametrize("form", MODELS)
def test_a_model_changes_all_its_operators_and_none_of_its_parameters(form):
    potential = make_checkpoint(form).potential
    before = potential.state_dict()
    used = [type(operator) for operator in operators_of(potential)]
    assert {operator.form for operator in used} == {"portable"}
    fused = operators_of(potential.use_ops("fused"))
    assert {operator.form for operator in fused} == {"fused"}
    assert all(torch.equal(v, before[k]) for k, v in potential.state_dict().items())
    assert [type(o) for o in operators_of(potential.use_ops("portable"))] == used


def test_a_form_keeps_the_settings_of_the_other():
    operator = PortableSkipNorm(heads=3, eps=1e-5).eval()
    fused = operator.as_form("fused")
    assert (fused.heads, fused.eps, fused.training, fused.form) == (3, 1e-5, False, "fused")


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("normed", [True, False])
def test_skip_norm_normalises_each_head(heads, normed):
    new, operator = random_leaves(torch.float64), PortableSkipNorm(heads, 1e-6)
    parameters = [new(12 // heads), new(12 // heads)] if normed else [None, None]
    inputs = [new(7, 12), new(7, 12), *parameters]
    compare(operator.as_form("fused"), operator, inputs, (), 1e-12)


@pytest.mark.parametrize("form", MODELS)
def test_a_portable_file_names_no_compiled_operator(form, tmp_path):
    path = tmp_path / "a.pt"
    export_potential(make_checkpoint(form), path, ops="portable")
    with zipfile.ZipFile(path) as archive:
        code = [archive.read(n) for n in archive.namelist() if n.endswith((".py", ".ts"))]
    assert code
    assert not any(b"ops.physrep" in text for text in code)


def test_only_operators_and_the_check_of_an_installation_call_what_is_compiled():
    calling = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if "torch.ops.physrep." in path.read_text()
    }
    assert calling == {"install", "ops"}
    assert len(OPERATORS) == 15
    assert NeighborList in OPERATORS


def test_a_gpu_gets_a_portable_file_where_the_operators_are_for_cpus_alone(monkeypatch):
    """A fused file would refuse the tensors of a run on the GPU."""
    monkeypatch.setattr(loading, "load", lambda: True)
    for gpu, kernels, form in [
        (False, False, "fused"),
        (True, False, "portable"),
        (True, True, "fused"),
    ]:
        monkeypatch.setattr(torch.cuda, "is_available", lambda gpu=gpu: gpu)
        monkeypatch.setattr(loading, "compiled_for_gpus", lambda kernels=kernels: kernels)
        assert loading.fastest_form() == form


def test_the_registered_kernels_are_those_of_the_stamp():
    ops.require("this test")
    stamp = read_stamp(find_built(OPERATORS_FILE).parent)
    assert loading.compiled_for_gpus() == stamp["cuda"]


def gathers_of(n_layers: int) -> int:
    """Calls of index_select in one evaluation of a scripted published JAT and its backward pass."""
    name, settings = MODELS["jat-published"]
    checkpoint = new_checkpoint(name, {**settings, "n_layers": n_layers}, [1, 8], "none")
    potential = checkpoint.potential.eval().requires_grad_(False)
    potential.bake()
    scripted = compile_script(potential)
    edge_index = torch.nonzero(~torch.eye(6, dtype=torch.bool)).t()
    types, positions = torch.arange(6) % 2, torch.randn(6, 3)

    def evaluate() -> None:
        vectors = (positions[edge_index[1]] - positions[edge_index[0]]).requires_grad_()
        scripted(types, edge_index, vectors).atomic.sum().backward()

    for _ in range(4):  # until TorchScript has profiled and optimised
        evaluate()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        evaluate()
    return sum(row.count for row in profiled.key_averages() if row.key == "aten::index_select")


def test_operators_that_gather_the_same_rows_share_them():
    """Logits and messages of a layer read the same rows: 6 gathers in each layer, 7 unshared."""
    assert gathers_of(2) - gathers_of(1) == 6

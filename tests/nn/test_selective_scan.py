import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor

from affectus.errors import InputError
from affectus.nn import scan_kernels, selective_scan
from affectus.nn.selective_scan import Scan

GOLDEN = Path(__file__).parents[1] / "golden" / "broad-mamba"
FORMS = ("recurrent", "chunked", "fused")
scan = selective_scan.selective_scan


def made(n: int, d: int, length: int, s: int, kind: torch.dtype = torch.float64, seed: int = 0) -> dict[str, Any]:
    """Arguments with everything that a scan can have; step sizes and rates as before the training of a Mamba block."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(kind)

    return {
        "u": normal(n, d, length), "delta": normal(n, d, length), "a": -1 - normal(d, s).abs(),
        "b": normal(n, s, length), "c": normal(n, s, length), "skip": normal(d), "gate": normal(n, d, length),
        "bias": normal(d) - 2, "state": normal(n, d, s),
    }  # fmt: skip


def gradients(form: str, given: dict[str, Any], **more: Any) -> list[Tensor]:
    """Output, last state, and the derivatives of a sum over both."""
    leaves = {name: x.detach().clone().requires_grad_() for name, x in given.items()}
    found = scan(**leaves, **more, form=form)
    weights = [torch.cos(torch.arange(x.numel(), dtype=x.dtype)).reshape(x.shape) for x in found]
    total = torch.stack([(x * w).sum() for x, w in zip(found, weights, strict=True)]).sum()
    return [x.detach() for x in (*found, *torch.autograd.grad(total, list(leaves.values())))]


# -- the public code ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
def test_scan_is_that_of_the_public_code(form: Any) -> None:
    io = load_file(GOLDEN / "selective_scan.safetensors")
    common = {"skip": io["D"], "bias": io["delta_bias"], "form": form}
    args = [io[name] for name in ("u", "delta", "A", "B", "C")]
    close = {"atol": 1e-5, "rtol": 0.0}
    found = scan(*args, gate=io["z"], **common)
    torch.testing.assert_close(found.y, io["y"], **close)
    torch.testing.assert_close(found.state, io["last_state"], **close)
    torch.testing.assert_close(scan(*args, **common).y, io["y_no_gate"], **close)


# -- the forms agree ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", [1, 2, 17, 64, 65, 257])
@pytest.mark.parametrize("form", ["chunked", "fused"])
def test_forms_and_their_derivatives_agree_in_double_precision(form: str, length: int) -> None:
    given = made(2, 3, length, 4)
    valid = torch.rand(2, length) > 0.2
    for found, wanted in zip(
        gradients(form, given, valid=valid), gradients("recurrent", given, valid=valid), strict=True
    ):
        torch.testing.assert_close(found, wanted, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("form", ["chunked", "fused"])
def test_single_precision_is_within_1e_5_of_double(form: Any) -> None:
    given = made(2, 16, 300, 16)
    wanted = scan(**given, form="recurrent")
    single = {name: x.float() for name, x in given.items()}
    found = scan(**single, form=form)
    assert found.y.dtype == torch.float32
    assert float((found.y - wanted.y).abs().max()) <= 1e-5
    assert float((found.state - wanted.state).abs().max()) <= 1e-5
    for near, exact in zip(gradients(form, single), gradients("recurrent", given), strict=True):
        assert float((near - exact).abs().max()) <= 1e-5 * max(1.0, float(exact.abs().max()))


def test_derivatives_are_those_of_differences() -> None:
    given = made(1, 2, 5, 3)
    names = list(given)

    def function(*values: Tensor) -> tuple[Tensor, ...]:
        return tuple(scan(**dict(zip(names, values, strict=True)), form="fused"))

    assert torch.autograd.gradcheck(function, [given[name].requires_grad_() for name in names])
    plain = [given[name].detach().requires_grad_() for name in ("u", "delta", "a", "b", "c")]
    assert torch.autograd.gradcheck(lambda *x: tuple(scan(*x, softplus=False, form="fused")), plain)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 90), st.integers(0, 90), st.sampled_from(FORMS), st.integers(0, 9))
def test_a_scan_goes_on_from_the_state_of_another(length: int, cut: int, form: Any, seed: int) -> None:
    given = made(2, 3, length, 2, seed=seed)
    whole, cut = scan(**given, form=form), min(cut, length - 1)
    steps = {name: given.pop(name) for name in ("u", "delta", "b", "c", "gate")}
    if cut:
        first = scan(**{k: x[..., :cut] for k, x in steps.items()}, **given, form=form)
        given["state"] = first.state
    second = scan(**{k: x[..., cut:] for k, x in steps.items()}, **given, form=form)
    torch.testing.assert_close(second.y, whole.y[..., cut:])
    torch.testing.assert_close(second.state, whole.state)


@pytest.mark.parametrize("form", FORMS)
def test_steps_that_are_not_valid_are_as_if_they_were_not_there(form: Any) -> None:
    given = made(1, 3, 20, 4)
    kept = torch.tensor([i not in (0, 4, 5, 18, 19) for i in range(20)])
    masked = scan(**given, valid=kept[None], form=form)
    steps = {name: given.pop(name)[..., kept] for name in ("u", "delta", "b", "c", "gate")}
    short = scan(**steps, **given, form=form)
    torch.testing.assert_close(masked.y[..., kept], short.y)
    torch.testing.assert_close(masked.state, short.state)
    assert not masked.y[..., ~kept].any()


def test_threads_change_nothing() -> None:
    given = made(3, 5, 40, 4)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = gradients("fused", given)
        torch.set_num_threads(4)
        shared = gradients("fused", given)
    finally:
        torch.set_num_threads(before)
    for one, many in zip(alone, shared, strict=True):
        torch.testing.assert_close(one, many, atol=1e-12, rtol=1e-12)


# -- the compiled elementary functions ---------------------------------------------------------------------------------
def test_steep_and_strange_step_sizes() -> None:
    given = made(1, 1, 8, 2, torch.float32)
    given["delta"][0, 0] = torch.tensor([-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4, 3.0])
    given["gate"][0, 0] = torch.tensor([-1e4, -100.0, -20.0, 0.0, 20.0, 100.0, 1e4, 3.0])
    torch.testing.assert_close(scan(**given, form="fused"), scan(**given, form="recurrent"), atol=1e-5, rtol=1e-5)
    grows = {**given, "a": -given["a"]}  # exp(Δ·a) overflows
    assert torch.equal(scan(**grows, form="fused").y.isfinite(), scan(**grows, form="recurrent").y.isfinite())
    given["delta"][0, 0, 3] = torch.nan
    assert scan(**given, form="fused").y[0, 0].isnan().tolist() == [False] * 3 + [True] * 5


def test_the_memory_beside_the_arrays_grows_with_the_root_of_the_length() -> None:
    sizes = [scan_kernels.block(length) for length in (64, 4096, 65_536)]
    assert sizes == [64, 64, 256]


# -- devices and mistakes ----------------------------------------------------------------------------------------------
def test_the_kernel_of_mamba_ssm_gets_what_it_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    given = made(2, 3, 9, 4, torch.float32)
    state = given.pop("state")
    asked: list[tuple[Tensor, ...]] = []

    def selective_scan_fn(*args: Tensor, return_last_state: bool) -> Scan:
        asked.append(args)
        u, delta, a, b, c = args
        return scan(u, delta, a, b, c, softplus=False, form="recurrent")

    interface: Any = ModuleType("mamba_ssm.ops.selective_scan_interface")
    interface.selective_scan_fn = selective_scan_fn
    for name in ("mamba_ssm", "mamba_ssm.ops"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    monkeypatch.setattr(selective_scan.importlib.util, "find_spec", lambda name: object())
    valid = torch.rand(2, 9) > 0.3
    found, wanted = (scan(**given, valid=valid, form=form) for form in ("mamba-ssm", "recurrent"))
    torch.testing.assert_close(found, wanted)
    assert len(asked) == 1
    with pytest.raises(InputError, match="no earlier state"):
        scan(**given, state=state, form="mamba-ssm")
    there = type("OnGPU", (), {"device": torch.device("cuda"), "dtype": torch.float32})()
    assert selective_scan._best(there, None) == "mamba-ssm"
    assert selective_scan._best(there, state) == "chunked"
    monkeypatch.setattr(selective_scan.importlib.util, "find_spec", lambda name: None)
    assert selective_scan._best(there, None) == "chunked"
    with pytest.raises(InputError, match="not installed"):
        scan(**given, form="mamba-ssm")


def test_half_precision_is_computed_in_single() -> None:
    given = {name: x.to(torch.bfloat16) for name, x in made(1, 2, 12, 3).items()}
    found = scan(**given)
    assert found.y.dtype == torch.bfloat16
    wanted = scan(**{name: x.float() for name, x in given.items()}, form="recurrent")
    torch.testing.assert_close(found.y.float(), wanted.y, atol=0.02, rtol=0.02)


def test_wrong_shapes_are_named() -> None:
    given = made(1, 2, 5, 3)
    with pytest.raises(InputError, match=r"b is \(1, 5, 3\)"):
        scan(**{**given, "b": given["b"].transpose(1, 2)})
    with pytest.raises(InputError, match=r"valid is \(5,\)"):
        scan(**given, valid=torch.ones(5, dtype=torch.bool))


def test_no_steps_give_nothing() -> None:
    given = made(2, 3, 0, 4)
    for form in FORMS:
        found = scan(**given, form=form)
        assert found.y.shape == (2, 3, 0)
        np.testing.assert_array_equal(found.state, given["state"])

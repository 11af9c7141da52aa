"""MidiMe against torch's own gradient and Adam, and as a thing that learns."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from livevae.errors import ModelError
from livevae.latent.personas import HIDDEN, Persona
from livevae.models.midime.network import Adam, Gradient, Losses, MidiMe, Options, train


def torch_loss(w: dict[str, torch.Tensor], x: torch.Tensor, noise: torch.Tensor, beta: float) -> torch.Tensor:
    def dense(name: str, h: torch.Tensor) -> torch.Tensor:
        return F.linear(h, w[f"{name}.weight"], w[f"{name}.bias"])

    h = x
    for i in range(len(HIDDEN)):
        h = F.relu(dense(f"encoder.{i}", h))
    mu, sigma = dense("mu", h), F.softplus(dense("sigma", h))
    h = mu + sigma * noise
    for i in range(len(HIDDEN)):
        h = F.relu(dense(f"decoder.{i}", h))
    y = dense(f"decoder.{len(HIDDEN)}", h)
    kl = (0.5 * (mu**2 + sigma**2 - 1) - torch.log(sigma)).sum(-1).mean()
    return ((x - y) ** 2).sum(-1).mean() / 2 + beta * kl


def test_the_gradient_is_the_one_that_autograd_finds() -> None:
    random = np.random.default_rng(3)
    net = MidiMe(24, 4, random)
    net.flat += 0.05 * random.standard_normal(net.flat.shape).astype(np.float32)
    x = random.standard_normal((6, 24)).astype(np.float32)
    noise = random.standard_normal((6, 4)).astype(np.float32)
    gradient = Gradient(net)
    losses = gradient(x, noise, 0.7)

    w = {name: torch.from_numpy(value.copy()).requires_grad_() for name, value in net.weights.items()}
    loss = torch_loss(w, torch.from_numpy(x), torch.from_numpy(noise), 0.7)
    loss.backward()
    assert losses.total == pytest.approx(loss.item(), rel=1e-5)
    expected = np.concatenate([w[name].grad.numpy().ravel() for name in net.weights])
    np.testing.assert_allclose(gradient.flat, expected, atol=2e-6)


def test_adam_steps_as_torch_does() -> None:
    random = np.random.default_rng(5)
    flat = random.standard_normal(70_000).astype(np.float32)
    theirs = torch.nn.Parameter(torch.from_numpy(flat.copy()))
    reference = torch.optim.Adam([theirs], 1e-3, eps=1e-7)
    ours = Adam(flat, 1e-3)
    for _ in range(5):
        g = random.standard_normal(flat.shape).astype(np.float32)
        theirs.grad = torch.from_numpy(g.copy())
        reference.step()
        ours(g)
    np.testing.assert_allclose(flat, theirs.detach().numpy(), atol=1e-6)


def test_a_few_riffs_are_learned_and_come_back() -> None:
    random = np.random.default_rng(0)
    z = random.standard_normal((4, 32)).astype(np.float32)
    seen: list[Losses] = []
    net, last = train(z, Options(epochs=150), progress=lambda _, losses: seen.append(losses))
    assert len(seen) == 150
    assert last == seen[-1]
    assert last.reconstruction < seen[0].reconstruction / 4
    persona = Persona("nora", "0" * 16, 32, 4, net.tensors())
    back = persona.decode(persona.encode(z).mu)
    assert np.abs(back - z).mean() < 0.35 * np.abs(z).mean()


def test_the_same_seed_gives_the_same_persona_and_another_seed_another() -> None:
    z = np.random.default_rng(1).standard_normal((3, 16)).astype(np.float32)
    flats = [train(z, Options(epochs=5, seed=seed))[0].flat for seed in (1, 1, 2)]
    assert np.array_equal(flats[0], flats[1])
    assert not np.array_equal(flats[0], flats[2])


def test_one_riff_trains_too_and_jitter_loosens_it() -> None:
    z = np.random.default_rng(2).standard_normal((1, 16)).astype(np.float32)
    still, _ = train(z, Options(epochs=20))
    loose, _ = train(z, Options(epochs=20, jitter=1.0), sigma=np.ones_like(z))
    assert np.isfinite(loose.flat).all()
    assert not np.array_equal(still.flat, loose.flat)


def test_training_refuses_nothing_at_all_and_what_is_not_finite() -> None:
    with pytest.raises(ModelError, match="no window"):
        train(np.zeros((0, 16), np.float32), Options())
    with pytest.raises(ModelError, match="not finite"):
        train(np.full((2, 16), np.nan, np.float32), Options())
    with pytest.raises(ModelError, match="jitter"):
        train(np.ones((2, 16), np.float32), Options(jitter=1.0))


@pytest.mark.parametrize(
    "wrong", [{"latent": 0}, {"latent": 17}, {"epochs": 0}, {"beta": float("nan")}, {"jitter": -1.0}]
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError):
        Options(**wrong)


def test_a_training_that_runs_away_says_so() -> None:
    z = np.random.default_rng(2).standard_normal((4, 16)).astype(np.float32)
    with pytest.raises(ModelError, match="ran away"), np.errstate(all="ignore"):
        train(z, Options(epochs=50, learning_rate=1e6))

"""The learned prior: exactly invertible, the same in any company, and what riffs are drawn from where it is asked for."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors.numpy import load_file, save_file

from livevae import inputs
from livevae.errors import LivevaeError, ModelError, RequestError
from livevae.latent.recipe import Recipe
from livevae.models.checkpoints import files as checkpoint_files, shelf
from livevae.models.checkpoints.identity import identity_of
from livevae.models.live import LiveDecoder
from livevae.models.musicvae import prior as priors
from livevae.models.musicvae.config import configuration
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.musicvae.packed import Packed
from livevae.models.musicvae.prior import Prior
from livevae.models.training import batches, critic, encodings, prior as fitting
from livevae.perform.settings import VoiceSettings
from livevae.perform.supply import recipe as recipe_of

SMALL = configuration("cat-mel_2bar_small").replace(encoder=(12,), decoder=(8, 8), latent=10)
OPTIONS = fitting.Options(dim=6, layers=3, hidden=16, hours=0.11 / 3600, batch=32)
CALL = tuple((i * 480, 480, 60 + i, 90) for i in range(8))


def flow(seed: int = 0, dim: int = 6, layers: int = 3) -> fitting.Flow:
    torch.manual_seed(seed)
    made = fitting.Flow(dim, layers, 16)
    with torch.no_grad():
        for name, value in made.named_parameters():
            if not name.startswith("linear"):
                value.normal_(0, 0.4)
    return made


def tensors(seed: int = 0, latent: int = 10) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(seed)
    axes = np.linalg.qr(chance.normal(size=(latent, latent)))[0]
    return {
        "mean": chance.normal(size=latent).astype(np.float32),
        "axes": axes.astype(np.float32),
        "spread": chance.uniform(0.5, 2, latent).astype(np.float32),
        **flow(seed).tensors(),
    }


ABOUT = {"layers": 3, "temper": [0.9, 0.5]}


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_every_z_has_a_u_and_every_u_a_z(which: int, seed: int) -> None:
    """As near as float32 allows: flows made by chance stretch some z's a thousandfold, and their rounding with them."""
    prior = Prior(tensors(which), ABOUT)
    chance = np.random.default_rng(seed)
    u = chance.normal(size=(4, 10))
    z = prior.z(u)
    back = prior.u(z)
    step = 1e-4 * np.abs(z).max()
    beside = [prior.u(z + step * chance.choice([-1, 1], z.shape)) for _ in range(16)]
    stretched = np.max([np.abs(other - back).max(1) for other in beside], 0) / 1e-4
    assert (np.abs(back - u).max(1) < 50 * stretched * 2**-23).all()


def test_a_row_is_the_same_bytes_alone_and_in_company() -> None:
    prior = Prior(tensors(), ABOUT)
    u = np.random.default_rng(1).normal(size=(7, 10))
    together = prior.z(u)
    assert all(np.array_equal(prior.z(row), whole) for row, whole in zip(u, together, strict=True))


def test_it_computes_what_was_trained() -> None:
    held = tensors()
    prior = Prior(held, {"layers": 3, "temper": [1, 1]})
    z = np.random.default_rng(2).normal(size=(5, 10)).astype(np.float32)
    x = (z - held["mean"]) @ held["axes"].T / held["spread"]
    u, logdet = flow()(torch.from_numpy(x[:, :6]))
    np.testing.assert_allclose(prior.u(z)[:, :6], u.detach().numpy(), atol=1e-4)
    jacobian = torch.autograd.functional.jacobian(
        lambda row: flow()(row[None])[0][0], torch.from_numpy(x[0, :6])
    )
    assert float(torch.linalg.slogdet(jacobian)[1]) == pytest.approx(float(logdet[0].detach()), abs=1e-3)


def test_a_flow_in_training_goes_both_ways_as_the_prior_does() -> None:
    held = tensors()
    prior = Prior(held, {"layers": 3, "temper": [1, 1]})
    u = np.random.default_rng(2).normal(size=(5, 10)).astype(np.float32)
    with torch.no_grad():
        x = flow().back(torch.from_numpy(u[:, :6]))
        np.testing.assert_allclose(flow()(x)[0], u[:, :6], atol=1e-4)
    played = (prior.z(u) - held["mean"]) @ held["axes"].T / held["spread"]
    np.testing.assert_allclose(played[:, :6], x, atol=1e-3)


def test_directions_that_were_rounded_in_a_file_cost_no_exactness_on_the_way_back() -> None:
    held = tensors() | {"axes": tensors()["axes"].astype(np.float16)}
    prior = Prior(held, ABOUT)
    u = np.random.default_rng(2).normal(size=(50, 10))
    transposed = (prior.z(u) - held["mean"]) @ held["axes"].T / prior.spread / prior._temper
    assert np.abs(transposed - u)[:, 6:].max() > 1e-4  # what the flow leaves alone
    np.testing.assert_allclose(prior.u(prior.z(u))[:, 6:], u[:, 6:], atol=1e-5)
    with pytest.raises(ModelError, match="no way back"):
        Prior(tensors() | {"axes": np.ones((10, 10), np.float32)}, ABOUT)


def test_a_file_is_read_back_and_a_broken_one_is_refused(tmp_path) -> None:
    path = tmp_path / "prior.safetensors"
    priors.save(path, tensors(), ABOUT, "0" * 16)
    u = np.random.default_rng(3).normal(size=10)
    np.testing.assert_allclose(priors.read(path, "0" * 16).z(u), Prior(tensors(), ABOUT).z(u), atol=0.05)
    with pytest.raises(ModelError, match="is not 'livevae prior 1' of this model"):
        priors.read(path, "1" * 16)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ModelError, match="is broken"):
        priors.read(path, "0" * 16)
    metadata = {"format": priors.KIND.format, "model": "0" * 16}
    wrong = (
        ({"layers": 4, "temper": [1, 1]}, {}),
        ({"layers": 3, "temper": [1, 7]}, {}),
        ({"layers": 3, "temper": None}, {}),
        (ABOUT, {"w_mid.1": np.zeros((3, 3), np.float32)}),
        (ABOUT, {"linear.2": np.zeros((6, 6), np.float32)}),
        (ABOUT, {"axes": np.full((10, 10), np.nan, np.float32)}),
    )
    for about, changed in wrong:
        save_file(tensors() | changed, path, metadata | {"about": json.dumps(about)})
        with pytest.raises(ModelError, match="broken"):
            priors.read(path, "0" * 16)


def decoder(prior: Prior | None) -> tuple[LiveDecoder, list[np.ndarray]]:
    torch.manual_seed(0)
    model = MusicVAE(SMALL)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    packed = Packed(SMALL, {name: value.detach().numpy() for name, value in model.state_dict().items()})
    taken: list[np.ndarray] = []

    def network(z, temperature, noise, controls=None):
        taken.append(z)
        return packed(z, temperature, noise)

    return LiveDecoder(SMALL, network, prior=prior), taken


def test_riffs_come_from_it_only_where_a_recipe_says_so() -> None:
    prior = Prior(tensors(), ABOUT)
    with_it, taken = decoder(prior)
    old = [Recipe(seed, index=3, drift=0.5, bars=4) for seed in range(3)]
    new = [Recipe(seed, index=3, drift=0.5, bars=4, prior="learned") for seed in range(3)]
    with_it.decode(old)
    with_it.decode(new)
    np.testing.assert_allclose(taken[1], prior.z(taken[0]), atol=1e-3)
    without, untouched = decoder(None)
    assert without.decode(new) == without.decode(old) == with_it.decode(old)
    np.testing.assert_array_equal(untouched[0], taken[0])


def test_a_log_that_says_nothing_of_a_prior_means_the_normal_one() -> None:
    assert inputs.read(['{"seed": 4}\n']).head.prior == "normal"
    assert inputs.read(['{"seed": 4, "prior": "learned"}\n']).head.prior == "learned"
    with pytest.raises(LivevaeError, match="'odd'"):
        inputs.read(['{"prior": "odd"}\n'])


def test_a_voice_may_say_what_it_is_drawn_from() -> None:
    own = VoiceSettings().changed({"prior": "normal"})
    made = [
        recipe_of(one, voice="a", index=0, session_seed=1, prior="learned").prior
        for one in (own, VoiceSettings())
    ]
    assert made == ["normal", "learned"]
    with pytest.raises(RequestError, match="prior must be learned or normal"):
        VoiceSettings().changed({"prior": "uniform"})


def test_without_drift_a_riff_comes_again_note_for_note_and_with_it_it_does_not() -> None:
    live, _ = decoder(Prior(tensors(), ABOUT))
    still = live.decode([Recipe(5, 1.0, index=index, drift=0.0, prior="learned") for index in range(4)])
    assert still[1:] == still[:1] * 3
    moving = live.decode([Recipe(5, 1.0, index=index, drift=0.3, prior="learned") for index in range(4)])
    assert len({riff.notes for riff in moving}) > 1


def test_distance_0_is_the_call_note_for_note() -> None:
    live, _ = decoder(None)
    copy, other = live.decode([Recipe(5, call=CALL, distance=0.0), Recipe(5, call=CALL, distance=0.6)])
    assert [(note.start, note.length, note.pitch, note.velocity) for note in copy.notes][:8] == list(CALL)
    assert copy.notes != other.notes


@pytest.fixture
def music():
    chance = np.random.default_rng(0)
    return np.where(chance.random((200, 32)) < 0.3, chance.integers(30, 60, (200, 32)), 0).astype(np.uint8)


def test_training_makes_held_out_music_likelier_and_goes_on_where_it_was_left(
    music, tmp_path, monkeypatch
) -> None:
    torch.manual_seed(0)
    model = MusicVAE(SMALL).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    monkeypatch.setattr(fitting, "REPORT", 50)
    ticks = iter(range(100_000))
    monkeypatch.setattr(fitting.time, "monotonic", lambda: next(ticks) / 1000)  # a thousandth a step
    first, about = fitting.train(model, music[:160], music[160:], tmp_path, OPTIONS)
    assert Prior(first, about).latent == 10
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [50, 100]
    assert lines[-1]["held_out"] < lines[0]["held_out"]
    longer = fitting.Options(**{**fitting.asdict(OPTIONS), "hours": 2 * OPTIONS.hours})
    _, after = fitting.train(model, music[:160], music[160:], tmp_path, longer)
    assert after["steps"] > about["steps"]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) > len(lines)


def test_a_prior_to_begin_with_learns_on_along_its_own_directions(music, tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    model = MusicVAE(SMALL).eval()
    monkeypatch.setattr(fitting, "REPORT", 20)
    ticks = iter(range(100_000))
    monkeypatch.setattr(fitting.time, "monotonic", lambda: next(ticks) / 1000)
    options = fitting.Options(**{**fitting.asdict(OPTIONS), "hours": 0.03 / 3600, "learning_rate": 1e-9})
    held = tensors(4)
    found, _ = fitting.train(model, music[:160], music[160:], tmp_path / "run", options, begin=held)
    assert set(found) == set(held)
    for name, value in held.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)
    wider = fitting.Options(**{**fitting.asdict(options), "hidden": 24})
    with pytest.raises(ModelError, match="other directions, couplings or units"):
        fitting.train(model, music[:160], music[160:], tmp_path / "other", wider, begin=held)


def test_the_end_of_a_training_is_kept_where_it_is_asked_for(music, tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    model = MusicVAE(SMALL).eval()
    ends = []
    for folder, looks, last in (("a", 30, True), ("b", 10_000, True), ("c", 50, False)):
        monkeypatch.setattr(fitting, "REPORT", looks)
        ticks = iter(range(100_000))
        monkeypatch.setattr(fitting.time, "monotonic", lambda ticks=ticks: next(ticks) / 1000)
        asked = fitting.Options(**{**fitting.asdict(OPTIONS), "last": last})
        ends.append(fitting.train(model, music[:160], music[160:], tmp_path / folder, asked)[0])
    for name, value in ends[0].items():
        np.testing.assert_array_equal(value, ends[1][name])
    assert not np.array_equal(ends[0]["w_scale.0"], ends[2]["w_scale.0"])


def test_rearranged_drums_are_what_each_instrument_played_in_a_bar_somewhere() -> None:
    windows = np.random.default_rng(0).integers(0, 512, (200, 32))
    made = batches.rearranged(windows, np.random.default_rng(1))
    bits = np.arange(9)

    def bars(tokens: np.ndarray) -> list[set[bytes]]:
        return [{bar.tobytes() for bar in (tokens >> bit & 1).reshape(-1, 16)} for bit in bits]

    assert all(new <= old for new, old in zip(bars(made), bars(windows), strict=True))
    halves = {half.tobytes() for half in windows.reshape(-1, 16)}
    assert 0.2 < np.mean([half.tobytes() in halves for half in made.reshape(-1, 16)]) < 0.5
    rows = np.concatenate([windows[..., None] >> bits & 1] * 3, -1)
    again = batches.rearranged(rows, np.random.default_rng(1))
    np.testing.assert_array_equal(again[..., :9], made[..., None] >> bits & 1)
    np.testing.assert_array_equal(again[..., 9:18], again[..., :9])


def test_a_prior_of_drums_hears_them_rearranged_where_it_is_asked_to() -> None:
    torch.manual_seed(0)
    model = MusicVAE(configuration("cat-drums_2bar_small").replace(encoder=(12,), decoder=(8, 8), latent=10))
    windows = np.random.default_rng(0).integers(0, 512, (80, 32)).astype(np.uint16)
    plain = encodings.encodings(model, windows, most=70, own_key=0.85, seed=1)
    varied = encodings.encodings(model, windows, most=70, own_key=0.85, seed=1, vary=0.4)
    assert (len(plain.mu), plain.own, varied.own) == (70, 70, 70)
    assert len(varied.mu) == 70 * (1 + encodings.REARRANGED)
    np.testing.assert_array_equal(varied.mu[:70], plain.mu)


def test_a_critic_helps_where_it_is_asked_to_and_goes_on_where_it_was_left(tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    model = MusicVAE(
        configuration("cat-drums_2bar_small").replace(encoder=(12,), decoder=(8, 8), latent=10)
    ).eval()
    windows = np.random.default_rng(0).integers(0, 512, (80, 32)).astype(np.uint16)
    monkeypatch.setattr(fitting, "REPORT", 4)
    monkeypatch.setattr(critic, "EAR_STEPS", 3)

    def trained(folder: str, hours: float, weight: float) -> dict[str, np.ndarray]:
        ticks = iter(range(100_000))
        monkeypatch.setattr(fitting.time, "monotonic", lambda: next(ticks) / 1000)
        asked = {**fitting.asdict(OPTIONS), "critic": weight, "hours": hours / 3600, "last": True}
        return fitting.train(model, windows[:70], windows[70:], tmp_path / folder, fitting.Options(**asked))[
            0
        ]

    alone, helped, again = (trained(*one) for one in (("a", 0.02, 0), ("b", 0.02, 5), ("c", 0.02, 5)))
    assert not np.array_equal(alone["w_scale.0"], helped["w_scale.0"])
    for name, value in helped.items():
        np.testing.assert_array_equal(value, again[name])
    held = load_file(tmp_path / "b" / "state.safetensors")
    before = load_file(tmp_path / "b" / "ear.safetensors")
    trained("b", 0.04, 5)
    after = load_file(tmp_path / "b" / "state.safetensors")
    assert {name for name in held if "critic." in name} == {
        f"{part}/critic.{place}.{kind}"
        for part in ("flow", "first", "second")
        for place in (0, 2, 4)
        for kind in ("weight", "bias")
    }
    assert set(after) == set(held)
    assert not np.array_equal(after["flow/critic.0.weight"], held["flow/critic.0.weight"])
    for name, value in load_file(tmp_path / "b" / "ear.safetensors").items():
        np.testing.assert_array_equal(value, before[name])
    trained("a", 0.04, 5)  # a run that had none before


@pytest.mark.parametrize("other", [{"dim": 8}, {"layers": 2}, {"hidden": 8}])
def test_a_run_goes_on_with_its_own_shapes_alone(music, tmp_path, monkeypatch, other) -> None:
    monkeypatch.setattr(fitting, "REPORT", 1)
    model, asked = MusicVAE(SMALL).eval(), fitting.asdict(OPTIONS)
    fitting.train(model, music[:160], music[160:], tmp_path, OPTIONS)
    before = (tmp_path / "state.safetensors").read_bytes()
    with pytest.raises(ModelError, match=r"state\.safetensors is of a run with other directions"):
        fitting.train(model, music[:160], music[160:], tmp_path, fitting.Options(**{**asked, **other}))
    assert (tmp_path / "state.safetensors").read_bytes() == before


def test_options_that_cannot_be_are_refused_before_anything_is_encoded(music, tmp_path) -> None:
    asked = fitting.asdict(OPTIONS)
    for wrong in (
        {"critic": -1.0},
        {"critic": float("nan")},
        {"noise": -0.5},
        {"vary": 1.5},
        {"own_key": 2.0},
    ):
        with pytest.raises(ModelError, match=f"--{next(iter(wrong)).replace('_', '-')} is 0 to"):
            fitting.Options(**{**asked, **wrong})
    for dim in (1, 11):
        with pytest.raises(ModelError, match="--dim is 2 to 10"):
            fitting.train(
                MusicVAE(SMALL), music, music, tmp_path / "run", fitting.Options(**{**asked, "dim": dim})
            )
    assert not (tmp_path / "run").exists()


def test_a_critic_goes_on_with_the_ear_and_the_windows_of_its_run(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(critic, "EAR_STEPS", 1)
    drums = MusicVAE(
        configuration("cat-drums_2bar_small").replace(encoder=(12,), decoder=(8, 8), latent=10)
    ).eval()
    windows = np.random.default_rng(0).integers(0, 512, (90, 32)).astype(np.uint16)
    asked = {**fitting.asdict(OPTIONS), "critic": 5.0, "hours": 1e-9}
    fitting.train(drums, windows[:70], windows[80:], tmp_path, fitting.Options(**asked))
    with pytest.raises(ModelError, match=r"ear\.safetensors is of a run with other directions"):
        fitting.train(drums, windows[:70], windows[80:], tmp_path, fitting.Options(**{**asked, "dim": 8}))
    with pytest.raises(ModelError, match="was begun with other windows"):
        fitting.train(drums, windows[:80], windows[80:], tmp_path, fitting.Options(**asked))


def test_a_critic_learns_to_tell_samples_from_music_by_what_they_play() -> None:
    torch.manual_seed(0)
    hears = critic.ear(6, 4)
    one = critic.Critic(hears, 6, 4)
    music, samples = one.heard(torch.randn(64, 6)), one.heard(torch.randn(64, 6) + 1)
    assert music.shape == (64, 4 * 9 + 4 + 6)
    before = one.told_apart(samples).item()
    for _ in range(100):
        one.learn(music, samples)
    assert one.told_apart(samples).item() > before + 0.3
    assert one.told_apart(music).item() < one.told_apart(samples).item()


def test_an_ear_learns_what_directions_play(monkeypatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(critic, "EAR_STEPS", 300)
    windows = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (64, 2)))
    struck = (windows.unsqueeze(-1) >> torch.arange(9) & 1).flatten(1).float()
    hears = critic.ear(18, 2)
    chance = torch.Generator().manual_seed(0)
    critic.learn_to_hear(hears, lambda these: 2 * struck[these] - 1, windows, chance, lambda _: None)
    found = hears.eval()(2 * struck - 1) > 0
    assert float((found == struck.bool()).float().mean()) > 0.99


def test_a_critic_is_refused_where_it_cannot_hear(music, tmp_path) -> None:
    model = MusicVAE(SMALL).eval()
    asked = fitting.Options(**{**fitting.asdict(OPTIONS), "critic": 5.0})
    with pytest.raises(ModelError, match="hears drums alone"):
        fitting.train(model, music[:160], music[160:], tmp_path, asked)
    drums = MusicVAE(
        configuration("cat-drums_2bar_small").replace(encoder=(12,), decoder=(8, 8), latent=10)
    ).eval()
    few = fitting.Options(**{**fitting.asdict(asked), "encodings": 100})
    with pytest.raises(ModelError, match="knows 100 windows at most: here are 160"):
        fitting.train(drums, music[:160].astype(np.uint16), music[160:].astype(np.uint16), tmp_path, few)


def test_what_nothing_reads_of_an_encoder_can_go(music) -> None:
    torch.manual_seed(0)
    model = MusicVAE(SMALL).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.normal_(0, 0.4)
            if name.startswith("encoder.layers") and "weight_hh" in name:
                value.view(4, 12, 12)[:, :9, 9:] = 0
        for head in (model.encoder.mu, model.encoder.sigma):
            head.weight.view(10, 2, 12)[..., 9:] = 0
    small = encodings.narrowed(model)
    assert small.config.encoder == (9,)
    for a, b in zip(encodings.posterior(model, music), encodings.posterior(small, music), strict=True):
        torch.testing.assert_close(a, b)


def test_every_prior_that_ships_is_of_a_model_that_ships_and_comes_back_from_z() -> None:
    entries = shelf.entries().items()
    bundled = {
        identity_of(name)
        for name, entry in entries
        if entry.bundled and checkpoint_files.has_latent(entry.path)
    }
    shipped = sorted(priors.KIND.shipped.glob("*.safetensors"))
    assert shipped
    for path in shipped:
        assert path.stem in bundled
        prior = priors.read(path, path.stem)
        u = np.random.default_rng(0).normal(size=(4, prior.latent))
        np.testing.assert_allclose(prior.u(prior.z(u)), u, atol=1e-4)

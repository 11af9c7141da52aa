"""The Music Transformer: both vocabularies, relative attention, continuation, riffs, learning."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

import livevae.models
from livevae.cli import main
from livevae.corpus.piano_windows import windows as piano_windows
from livevae.corpus.score import Part, PlayedNote, Score
from livevae.edges.osc.codec import Message, encode
from livevae.errors import ModelError
from livevae.inputs import Head, Input, Log
from livevae.latent.recipe import Recipe
from livevae.models import stepwise
from livevae.models.checkpoints import shelf, step_files
from livevae.models.checkpoints.step_files import StepFile
from livevae.models.melody_rnn.decode import FIRST_NOTES
from livevae.models.music_transformer import grid, performance
from livevae.models.music_transformer.config import CONFIGS, Config, shapes
from livevae.models.music_transformer.decode import EVENTS_A_BAR, TransformerDecoder
from livevae.models.music_transformer.grid import GridNote
from livevae.models.music_transformer.model import Model
from livevae.models.music_transformer.network import Network
from livevae.models.music_transformer.performance import Performed
from livevae.models.music_transformer.task import Task, notes_of
from livevae.models.music_transformer.torch_network import Transformer, skewed
from livevae.music import piano_roll
from livevae.music.notes import TICKS_PER_BAR, Note, Riff
from livevae.music.piano_roll import Cell
from livevae.perform.scene import parse
from livevae.render import render
from livevae.replay import replay

SMALL = Config("small", layers=2, width=16, heads=2, hidden=24, span=40)
VARIANTS = [
    SMALL,
    replace(SMALL, relative=False),
    replace(SMALL, vocabulary="performance"),
]


def tensors(config, seed=0):
    numbers = np.random.default_rng(seed)
    return {name: numbers.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes(config).items()}


def model_of(config):
    return Model(config, tensors(config), {})


def torch_of(config):
    found = Transformer(config, 0.0).eval()
    with torch.no_grad():
        for name, value in found.tensors().items():
            value.copy_(torch.from_numpy(tensors(config)[name]))
    return found


BARS = 3
GRID_NOTES = st.lists(
    st.builds(
        GridNote,
        st.tuples(st.integers(0, BARS - 1), st.sampled_from(grid.PLACES_A_BAR)).map(
            lambda p: 48 * p[0] + p[1]
        ),
        st.sampled_from(grid.DURATIONS),
        st.integers(0, 87),
        st.integers(0, 7),
    ),
    max_size=30,
    unique_by=lambda note: (note.start, note.key),
)
PLAYED = st.lists(
    st.tuples(st.integers(-16000, -1), st.integers(1, 9000), st.integers(0, 127), st.integers(1, 127)),
    max_size=40,
).map(tuple)
RECIPES = st.lists(
    st.builds(
        Recipe,
        seed=st.integers(0, 50),
        temperature=st.sampled_from([0.0, 0.9, 4.0]),
        bars=st.integers(1, 2),
        index=st.integers(0, 2),
        top=st.sampled_from([0, 5]),
        context=PLAYED,
    ),
    min_size=1,
    max_size=3,
)

# ---------------------------------------------------------------------- the grid


@given(GRID_NOTES)
def test_notes_on_the_grid_come_back(notes):
    assert sorted(grid.decode(grid.encode(notes, BARS, 500))) == sorted(notes)


@given(GRID_NOTES)
def test_what_is_written_is_in_the_grammar(notes):
    cursor = grid.Cursor()
    tokens = grid.encode(notes, BARS, 30)
    cursor.push(tokens[0])
    for token in tokens[1:]:
        assert cursor.allowed()[token]
        cursor.push(token)
    assert cursor.allowed()[grid.BAR]


@given(st.randoms(use_true_random=False), st.integers(0, 47))
def test_what_the_grammar_lets_through_is_what_would_have_been_written(random, least):
    cursor, tokens = grid.Cursor(), [grid.BAR]
    cursor.push(grid.BAR)
    while len(tokens) < 60:
        tokens.append(random.choice(np.flatnonzero(cursor.allowed(least)).tolist()))
        cursor.push(tokens[-1])
    while grid.BAR < tokens[-1] < grid.KEY:
        tokens.pop()
    notes = grid.decode(tokens)
    assert all(note.start % 48 >= least for note in notes)
    counts = Counter((note.start, note.key) for note in notes)
    assert not counts or max(counts.values()) == 1
    # the order of notes at one place is the model's own
    again = grid.decode(grid.encode(notes, tokens.count(grid.BAR), 500))
    assert sorted(again) == sorted(notes)


@given(GRID_NOTES)
def test_a_bar_can_be_read_by_itself(notes):
    tokens = grid.encode(notes, BARS, 500)
    alone = [grid.decode(block) for block in grid.blocks(tokens)]
    moved = [note._replace(start=note.start + 48 * i) for i, bar in enumerate(alone) for note in bar]
    assert moved == grid.decode(tokens)


@given(GRID_NOTES, st.integers(2, 60))
def test_a_full_bar_is_cut_after_a_key(notes, most):
    for block in grid.blocks(grid.encode(notes, BARS, most)):
        assert len(block) <= most
        assert block[-1] == grid.BAR or block[-1] >= grid.KEY


@given(GRID_NOTES)
def test_what_is_played_on_the_grid_is_heard_there(notes):
    """Sixteenths alone, or triplets alone: in one beat both together are heard as what is nearer."""
    straight = [note for note in notes if note.start % 3 == 0]
    played = [grid.ticks(note) for note in straight]
    assert grid.on_grid(played, 0) == sorted(straight)


def test_triplets_are_heard_and_a_late_sixteenth_is_none():
    def starts(*times):
        return [note.start for note in grid.on_grid([(round(t * 80), 80, 60, 90) for t in times], 0)]

    assert starts(0, 4, 8) == [0, 4, 8]
    assert starts(12, 12 + 2, 12 + 4, 12 + 6) == [12, 14, 16, 18]
    assert starts(0.3, 3.6, 5.8, 9.2) == [0, 3, 6, 9]
    assert starts(3.6) == [3]
    assert starts(11.9) == [12]


@given(
    st.builds(Cell, st.integers(1, 192), st.integers(-1, 1), st.integers(0, 7)),
    st.floats(0, 200),
    st.integers(1, 127),
)
def test_cells_places_and_velocities(cell, time, velocity):
    number = piano_roll.pack(cell)
    assert 0 < number < 1 << 16
    assert piano_roll.unpack(number) == cell
    place = piano_roll.nearest_place(time)
    step, lean = piano_roll.on_step(place)
    assert 3 * step + lean == place
    assert place % 12 in piano_roll.PLACES
    assert abs(place - time) <= 1
    assert abs(piano_roll.velocity_of(piano_roll.velocity_bin(velocity)) - velocity) <= 8


# ------------------------------------------------------------------- performances

PERFORMED = st.lists(
    st.builds(
        lambda start, lasts, pitch, velocity: Performed(start, start + lasts, pitch, velocity),
        st.integers(0, 400),
        st.integers(1, 300),
        st.integers(0, 127),
        st.integers(1, 127),
    ),
    max_size=20,
)


@given(PERFORMED)
def test_performances_come_back_with_coarser_velocities(notes):
    apart = []
    for note in sorted(notes):
        if all(note.pitch != other.pitch or note.start > other.end for other in apart):
            apart.append(note)
    coarse = [
        note._replace(velocity=performance.velocity_of(performance.velocity_bin(note.velocity)))
        for note in apart
    ]
    events = performance.encode(apart)
    assert performance.decode(events) == sorted(coarse)
    assert performance.steps(events) == max((note.end for note in apart), default=0)


@given(st.lists(st.integers(0, performance.CLASSES - 1), max_size=60))
def test_any_events_are_a_performance(events):
    for note in performance.decode(events):
        assert 0 <= note.start < note.end <= performance.steps(events)
    for wrong in (-1, performance.CLASSES):
        with pytest.raises(ModelError):
            performance.decode([*events, wrong])


def test_performances_that_are_none_are_refused():
    for wrong in (
        Performed(-1, 2, 60, 90),
        Performed(3, 3, 60, 90),
        Performed(0, 1, 128, 90),
        Performed(0, 1, 60, 0),
    ):
        with pytest.raises(ModelError):
            performance.encode([wrong])


@given(PERFORMED)
@settings(max_examples=60, deadline=None)
def test_note_seq_encodes_and_decodes_performances_alike(notes):
    pytest.importorskip("note_seq", reason="note-seq is not installed")
    from note_seq import Performance, performance_encoder_decoder, sequences_lib  # noqa: PLC0415
    from note_seq.protobuf import music_pb2  # noqa: PLC0415

    # of two notes that are one to us note-seq keeps the order in which they came
    notes = sorted(set(notes))
    sequence = music_pb2.NoteSequence()
    for note in notes:
        sequence.notes.add(
            start_time=note.start / 100, end_time=note.end / 100, pitch=note.pitch, velocity=note.velocity
        )
    quantised = sequences_lib.quantize_note_sequence_absolute(sequence, 100)
    theirs = Performance(quantised, num_velocity_bins=32)
    encoding = performance_encoder_decoder.PerformanceOneHotEncoding(num_velocity_bins=32)
    assert encoding.num_classes == performance.CLASSES
    events = [encoding.encode_event(event) for event in theirs]
    assert performance.encode(notes) == events
    back = theirs.to_sequence()
    assert performance.decode(events) == sorted(
        Performed(round(n.start_time * 100), round(n.end_time * 100), n.pitch, n.velocity) for n in back.notes
    )


# ------------------------------------------------------------------------ network


@given(st.integers(1, 12), st.integers(1, 14), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_skew_is_a_gather_by_distance(steps, span, seed):
    numbers = torch.Generator().manual_seed(seed)
    q = torch.randn(2, 3, steps, 4, generator=numbers)
    distances = torch.randn(3, span, 4, generator=numbers)
    found = skewed(q, distances)
    for i in range(steps):
        for j in range(max(0, i - span + 1), i + 1):
            expected = (q[:, :, i] * distances[:, i - j]).sum(-1)
            torch.testing.assert_close(found[:, :, i, j], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", VARIANTS, ids=["relative", "absolute", "performance"])
@pytest.mark.parametrize("count", [1, 7, 40, 41, 130])
def test_kept_keys_and_values_give_the_logits_of_the_whole(config, count):
    """Token by token, in stretches and at once in numpy, and in torch; also beyond the span."""
    numbers = np.random.default_rng(count)
    features = np.stack([numbers.integers(0, size, count) for size in config.features], 1)
    expected = torch_of(config)(torch.from_numpy(features[None]))[0].detach().numpy()
    network = Network(config, tensors(config))
    state = network.start()
    one_by_one = np.stack([network.step(row, state) for row in features])
    state = network.start()
    stretches = np.concatenate([network.read(part, state) for part in np.array_split(features, 4)])
    for found in (one_by_one, stretches, network.read(features, network.start())):
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_what_comes_later_or_before_the_span_changes_nothing():
    model = model_of(SMALL)
    tokens = np.random.default_rng(1).integers(0, grid.CLASSES, 30)
    changed = tokens.copy()
    changed[20:] = grid.BAR
    np.testing.assert_array_equal(model.logits(tokens)[:20], model.logits(changed)[:20])
    short = model_of(replace(SMALL, layers=1, span=3))
    performed_model = model_of(replace(SMALL, vocabulary="performance", layers=1, span=3))
    events = np.arange(10)
    other = np.concatenate([[99], events[1:]])
    np.testing.assert_allclose(
        performed_model.logits(events)[3:], performed_model.logits(other)[3:], atol=1e-6
    )
    assert short.logits(tokens).shape == (30, grid.CLASSES)


# -------------------------------------------------------------------------- model


@pytest.mark.parametrize("config", VARIANTS, ids=["relative", "absolute", "performance"])
def test_the_api_is_of_one_piece(config):
    model = model_of(config)
    tokens = np.random.default_rng(2).integers(0, config.classes, 25)
    inputs = model.inputs(tokens)
    assert inputs.shape == (25, sum(config.features))
    assert (inputs.sum(1) == len(config.features)).all()
    assert (inputs[:, : config.classes].argmax(1) == tokens).all()
    assert (model.labels(tokens) == tokens[1:]).all()
    logits = torch.from_numpy(model.logits(tokens))
    nats = torch.nn.functional.cross_entropy(logits[:-1], torch.from_numpy(tokens[1:]), reduction="sum")
    assert model.log_likelihood(tokens) == pytest.approx(-float(nats), abs=1e-3)
    greedy = model.continued(tokens, 9, 0.0)
    again = model.logits([*tokens, *greedy])
    assert (again[24:-1].argmax(1) == greedy).all()
    assert (greedy == model.continued(tokens, 9, top=1, seed=4)).all()
    assert (model.continued(tokens, 50, seed=1) == model.continued(tokens, 50, seed=1)).all()
    assert model.continued(tokens, 0).shape == (0,)
    assert (model.bars, model.memory) == (1, 4)
    assert model.log_likelihood(tokens[:1]) == 0
    assert model.logits([]).shape == (0, config.classes)
    for wrong in ([], [config.classes], [-1], [[1, 2]], [1.5]):
        with pytest.raises(ModelError):
            model.continued(wrong, 4)
    for temperature in (-1, float("inf"), float("nan")):
        with pytest.raises(ModelError):
            model.continued([1], 4, temperature)


@pytest.mark.parametrize("config", VARIANTS, ids=["relative", "absolute", "performance"])
@given(GRID_NOTES)
@settings(deadline=None)
def test_riffs_come_back_from_events(config, notes):
    model = model_of(config)
    riff = model.riff(np.array(grid.encode(notes, BARS, 500))) if config.vocabulary == "grid" else None
    if riff is None:
        return
    assert riff.length == BARS * TICKS_PER_BAR
    ends = Counter()
    for note in riff.notes:
        assert note.start >= ends[note.pitch]
        ends[note.pitch] = note.end
    straight = [note for note in riff.notes if note.start % 240 == 0]
    again = model.riff(model.events(replace(riff, notes=tuple(straight))))
    # keys of one moment come in the order of their lengths, which end where the bars do
    assert sorted((n.start, n.pitch) for n in again.notes) == sorted((n.start, n.pitch) for n in straight)


# -------------------------------------------------------------------------- riffs


@pytest.mark.parametrize("config", VARIANTS, ids=["relative", "absolute", "performance"])
@given(RECIPES)
@settings(max_examples=15, deadline=None)
def test_a_recipe_gives_the_same_riff_whatever_shares_its_batch_and_is_kept(config, recipes):
    model = model_of(config)
    decoder = TransformerDecoder(model)
    riffs = decoder.decode(recipes)
    assert decoder.decode(recipes[::-1]) == riffs[::-1]
    assert [TransformerDecoder(model, keep=False).decode([recipe])[0] for recipe in recipes] == riffs
    for recipe, riff in zip(recipes, riffs, strict=True):
        assert riff.length == recipe.bars * TICKS_PER_BAR
        assert len(riff.notes) <= recipe.bars * max(grid.BUDGET, EVENTS_A_BAR)
        ends = Counter()
        for note in riff.notes:
            assert note.start >= ends[note.pitch]  # no key is struck while it sounds
            ends[note.pitch] = note.end
            assert note.end <= riff.length


def test_a_context_whose_beginning_is_kept_is_read_on():
    bar = tuple((beat * 960, 960, 60 + beat, 90) for beat in range(4))
    two = tuple((s - 2 * TICKS_PER_BAR, *rest) for s, *rest in bar)
    more = two + tuple((s - TICKS_PER_BAR, n, p + 5, v) for s, n, p, v in bar)
    # the same first bar, one bar and two bars before the riff
    short = tuple((s + TICKS_PER_BAR, *rest) for s, *rest in two)
    model = model_of(SMALL)
    kept, fresh = TransformerDecoder(model), TransformerDecoder(model, keep=False)
    for context in (short, more, short, more):
        recipe = Recipe(3, 1.0, 1, context=context)
        assert kept.decode([recipe]) == fresh.decode([recipe])


def test_a_riff_comes_bar_by_bar_within_its_budget():
    decoder = TransformerDecoder(model_of(SMALL))
    recipe = Recipe(1, 4.0, 4)
    bars = list(decoder.stream(recipe))
    assert len(bars) == 4
    for number, bar in enumerate(bars):
        assert all(number * TICKS_PER_BAR <= start < (number + 1) * TICKS_PER_BAR for start, *_ in bar)
        assert len(bar) < grid.BUDGET
    assert {(n.start, n.pitch) for n in decoder.decode([recipe])[0].notes} <= {
        (start, pitch) for bar in bars for start, _, pitch, _ in bar
    }


@pytest.mark.parametrize("config", VARIANTS, ids=["relative", "absolute", "performance"])
@pytest.mark.parametrize("distance", [0, 0.25, 0.5, 0.75])
def test_an_answer_begins_as_its_call_does(config, distance):
    call = tuple((beat * 960, 480, 60 + beat, 100) for beat in range(8))
    riff = TransformerDecoder(model_of(config)).decode([Recipe(1, bars=2, call=call, distance=distance)])[0]
    kept = min(round((1 - distance) * 8) * 960, 2 * TICKS_PER_BAR - 240)
    near = 0 if config.vocabulary == "grid" else 10
    begun = [(n.start, n.pitch) for n in riff.notes if n.start < kept - near]
    expected = [(b * 960, 60 + b) for b in range(8) if b * 960 < kept]
    assert len(begun) == len(expected)
    for (start, pitch), (true, right) in zip(begun, expected, strict=True):
        assert pitch == right
        assert abs(start - true) <= near


@pytest.mark.parametrize("config", VARIANTS[:2], ids=["relative", "absolute"])
def test_where_nothing_was_played_a_riff_begins_with_a_note_of_the_seed(config):
    decoder = TransformerDecoder(model_of(config))
    begun = [decoder.decode([Recipe(seed, 0.9, 1)])[0] for seed in range(12)]
    firsts = [{note.pitch for note in riff.notes if note.start == 0} & set(FIRST_NOTES) for riff in begun]
    assert all(firsts)
    assert len(set.union(*firsts)) > 2


@pytest.mark.parametrize("config", VARIANTS, ids=["relative", "absolute", "performance"])
def test_ten_thousand_notes_are_a_context_like_any_other(config):
    numbers = np.random.default_rng(0)
    context = tuple(
        (int(s), 240, int(p), 90)
        for s, p in zip(numbers.integers(-15360, 0, 10_000), numbers.integers(0, 128, 10_000), strict=True)
    )
    riff = TransformerDecoder(model_of(config)).decode([Recipe(1, 1.0, 1, context=context)])[0]
    assert riff.length == TICKS_PER_BAR


def test_a_model_is_kept_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    step_files.write(shelf.place("piano"), StepFile("music_transformer", SMALL, {"by": "me"}, tensors(SMALL)))
    again = livevae.models.load("piano")
    assert (again.config, again.about) == (SMALL, {"by": "me"})
    assert (again.logits([0, 1]) == model_of(SMALL).logits([0, 1])).all()
    assert stepwise.takes("piano") == again.takes
    assert isinstance(stepwise.decoder("piano"), TransformerDecoder)


def test_configurations_come_back_and_others_are_refused():
    for config in CONFIGS.values():
        assert Config.from_json(config.to_json()) == config
    for wrong in (
        {"heads": 5}, {"width": 0}, {"span": 10**6}, {"layers": 99}, {"vocabulary": "words"}, {"width": 15, "heads": 3},
    ):  # fmt: skip
        with pytest.raises(ModelError):
            replace(SMALL, **wrong)
    for text in ("[]", "{}", "3", '{"layers": "many"}'):
        with pytest.raises(ModelError):
            Config.from_json(text)


# ---------------------------------------------------------------------- on stage


@pytest.fixture
def piano(tmp_path, monkeypatch):
    """A small transformer of random weights on the shelf."""
    monkeypatch.setenv("LIVEVAE_HOME", str(tmp_path))
    step_files.write(shelf.place("piano"), StepFile("music_transformer", SMALL, {}, tensors(SMALL)))
    return "piano"


def test_a_scene_of_two_that_continue_is_rendered_the_same_twice(piano):
    scene = parse(
        f'[voice.lead]\nmodel = "{piano}"\n[voice.echo]\nmodel = "{piano}"\nfollow = "lead"\nbars = 1\n'
    )

    def render_once():
        return render(
            scene, stepwise.decoder, bars=6, has_model=shelf.exists, takes=stepwise.takes, seed=3
        ).midi()

    assert render_once() == render_once()


def test_a_night_of_set_follow_call_and_trade_is_replayed_note_for_note(piano):
    """The voice is handed to the transformer while it plays; the player's keys are heard, answered, traded."""

    def osc(time, *words):
        return Input(time, "osc", encode(Message(words[0], words[1:])))

    def key(time, pitch):
        return Input(time, "midi", bytes([0x90, pitch, 90])), Input(
            time + 0.4, "midi", bytes([0x80, pitch, 0])
        )

    script = [
        osc(0.1, "/livevae/set", "lead", "model", piano, "follow", "midi", "top", 20),
        osc(0.2, "/livevae/play", "lead"),
        *(one for i in range(4) for one in key(0.5 + 0.5 * i, 60 + i)),
        osc(6.0, "/livevae/stop", "lead"),
        osc(6.1, "/livevae/call", "lead", "distance", 0.5),
        osc(12.0, "/livevae/trade", 1),
        *(one for i in range(8) for one in key(13.0 + 0.5 * i, 65 + i)),
        osc(19.0, "/livevae/trade", 0),
        Input(22.0, "end"),
    ]
    log = Log(Head(seed=7, ports=("livevae",), wall=1000.0), tuple(sorted(script, key=lambda one: one.time)))

    def once(keep):
        def load(name):
            found = stepwise.decoder(name)
            return TransformerDecoder(found.model, keep=keep)

        scene = parse(f'[voice.lead]\nmodel = "{piano}"\n')
        return replay(log, scene, load, has_model=shelf.exists, takes=stepwise.takes, strict=True)

    first, second = once(keep=True), once(keep=False)
    assert first.midi() == second.midi()
    assert first.refused == 0
    ons = [sent.tick // TICKS_PER_BAR for sent in first.sent if sent.data[0] & 0xF0 == 0x90]
    # it played, answered the call, and traded: notes before the stop, after the call and after the trade's first turn
    assert any(bar < 3 for bar in ons)
    assert any(3 <= bar < 6 for bar in ons)
    assert any(bar > 6 for bar in ons)


def test_the_command_line_continues_with_a_transformer(piano, tmp_path):
    folder = tmp_path / "riffs"
    assert main(["sample", piano, "-n", "1", "--seed", "4", "--out", str(folder)]) == 0
    tune = next(folder.glob("*.mid"))
    assert (
        main(
            ["continue", str(tune), "--model", piano, "-n", "2", "--top", "9", "--out", str(tmp_path / "on")]
        )
        == 0
    )
    assert len(list((tmp_path / "on").glob("*.mid"))) == 2


# ----------------------------------------------------------------------- learning


def rolls(count=4):
    """Scales with a bass note a bar, from another key each."""
    out = np.zeros((count, 128, 88), np.uint16)
    for i, window in enumerate(out):
        window[::16, 10 + i] = piano_roll.pack(Cell(48, 0, 5))
        for step in range(0, 128, 4):
            window[step, 39 + (step // 4 * (1 + i % 2)) % 8] = piano_roll.pack(Cell(12, 0, 5))
    return out


@pytest.mark.parametrize("name", ["music_transformer", "performance_transformer"])
def test_a_few_windows_are_learnt_by_heart(name):
    torch.manual_seed(1)
    task = Task(replace(CONFIGS[name], layers=2, width=32, heads=2, hidden=64, span=320))
    network = task.module(0.0)
    batch = [torch.from_numpy(np.stack(part)) for part in zip(*map(task.prepared, rolls()), strict=True)]
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    network.eval()
    for _ in range(60):
        nats, right, notes = task.losses(network, batch)
        optimizer.zero_grad()
        nats.sum().backward()
        optimizer.step()
    known = nats > 0
    assert float(right.sum() / known.sum()) > 0.9
    assert float(notes.sum()) == task.notes(batch)
    network.train()
    assert torch.isfinite(task.losses(network, batch)[0]).all()


def test_bars_and_notes_of_a_batch_are_counted():
    task = Task(CONFIGS["music_transformer"])
    batch = [torch.from_numpy(np.stack(part)) for part in zip(*map(task.prepared, rolls()), strict=True)]
    assert task.bars(batch) == 4 * 8
    assert task.notes(batch) == 4 * 40
    tokens, classes, first = task.tokens(rolls()[0])
    assert (tokens[0], tokens[-1], tokens.count(grid.BAR), classes, first) == (0, 0, 9, 149, 1)
    short = Task(replace(CONFIGS["music_transformer"], span=20))
    assert 0 < short.bars([torch.from_numpy(np.stack([p])) for p in short.prepared(rolls()[0])]) < 4
    performed = Task(CONFIGS["performance_transformer"])
    batch = [torch.from_numpy(np.stack([p])) for p in performed.prepared(rolls()[0])]
    assert performed.bars(batch) == pytest.approx(8, rel=0.01)
    assert performed.notes(batch) == 40 - 1 + (performed.tokens(rolls()[0])[0][0] >= performance.OFF)


def test_a_moved_window_keeps_its_time():
    torch.manual_seed(0)
    task = Task(CONFIGS["music_transformer"])
    rows = torch.from_numpy(task.prepared(rolls()[0])[0][None].repeat(40, 0)).long()
    moved = task._moved(rows)
    assert (moved[..., 1:] == rows[..., 1:]).all()
    keys = rows[..., 0] >= grid.KEY
    assert (moved[..., 0][rows[..., 0] < grid.VELOCITY] == rows[..., 0][rows[..., 0] < grid.VELOCITY]).all()
    by = (moved[..., 0] - rows[..., 0])[keys].view(40, -1)
    assert (by == by[:, :1]).all()
    assert set(by[:, 0].tolist()) == set(range(-5, 6))


def score(starts, per_quarter=480, velocity=80, meter=(4, 4)):
    notes = tuple(PlayedNote(s, s + 160, 60 + i % 7, velocity) for i, s in enumerate(starts))
    return Score(
        "x",
        per_quarter,
        (Part(1, "", 1, 0, notes, per_quarter),),
        ((0, meter),),
        ((0, 120.0),),
        32 * per_quarter,
    )


def test_scores_are_cut_with_triplets_and_velocities():
    starts = [beat * 480 + third * 160 for beat in range(32) for third in range(3)]
    (window,) = piano_windows(score(starts, velocity=100), 128, Counter())
    notes = notes_of(window)
    assert [note.start for note in sorted(notes)] == [
        beat * 12 + third * 4 for beat in range(32) for third in range(3)
    ]
    assert {note.length for note in notes} == {4}
    assert {note.velocity for note in notes} == {piano_roll.velocity_bin(100)}
    refused = Counter()
    assert list(piano_windows(score(starts, meter=(3, 4)), 128, refused)) == []
    fives = [beat * 480 + fifth * 96 for beat in range(32) for fifth in range(5)]
    assert list(piano_windows(score(fives), 128, refused)) == []
    assert list(piano_windows(score([0, 480]), 128, refused)) == []
    assert len(refused) == 3


# ----------------------------------------------------------------- the one that ships


def test_the_shipped_model_goes_on_in_the_key_and_manner_of_what_it_heard():
    """Broken chords in C and G over a bass, softly: nearer than the same notes scattered, and gone on with alike."""
    shipped = livevae.models.load("music_transformer")
    chords = ((60, 64, 67), (59, 62, 67))
    notes = [
        Note(bar * 3840 + beat * 960, 960, pitch, 56)
        for bar in range(4)
        for beat, pitch in enumerate((*chords[bar % 2], chords[bar % 2][1]))
    ]
    notes += [Note(bar * 3840, 3840, (48, 43)[bar % 2], 56) for bar in range(4)]
    riff = Riff(tuple(notes), 4 * TICKS_PER_BAR)
    numbers = np.random.default_rng(1)
    scattered = riff.map(lambda note: replace(note, pitch=int(numbers.integers(36, 96))))
    near, far = (shipped.log_likelihood(shipped.events(one)) / len(one.notes) for one in (riff, scattered))
    assert near > far + 1
    context = tuple((n.start - riff.length, n.length, n.pitch, n.velocity) for n in riff.notes)
    decoder = TransformerDecoder(shipped)
    answers = decoder.decode([Recipe(seed, 0.7, 2, context=context) for seed in range(4)])
    made = [note for answer in answers for note in answer.notes]
    assert all(answer.notes for answer in answers)
    assert sum(note.pitch % 12 in {0, 2, 4, 5, 7, 9, 11} for note in made) > 0.8 * len(made)
    assert sum(note.velocity == 56 for note in made) > 0.8 * len(made)
    assert shipped.about["licence"] == "Apache-2.0"

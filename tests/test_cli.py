"""The program `flockstep`: help, lists, bad input, evaluation, benchmarks, replays, commands of environments."""

import json
import os
import re

import pytest
from command import flockstep, needs_program, refusal, succeed

pytestmark = needs_program


# Help and lists


@pytest.mark.parametrize("words", [[], ["list"], ["train"], ["eval"], ["bench"], ["render"], ["tool"], ["train", "cartpole"]])
def test_help_names_the_usage_and_fits_a_terminal(words, tmp_path):
    text = succeed(*words, "--help", cwd=tmp_path)
    assert "Usage: flockstep" in text
    assert max(map(len, text.splitlines())) <= 130
    if words[1:]:
        assert "max_episode_steps" in text
    if words == ["tool"]:
        assert re.search(r"^pathfinding +generate, convert$", text, re.MULTILINE)


def test_the_program_alone_shows_its_commands_and_three_examples_that_work(tmp_path):
    text = succeed(cwd=tmp_path)
    assert text == succeed("--help", cwd=tmp_path)
    assert all(re.search(rf"^  {name} +\w", text, re.MULTILINE) for name in ("list", "train", "eval", "bench", "render", "tool"))
    examples = re.findall(r"^  flockstep (.*?)  ", text[text.index("Examples:") :], re.MULTILINE)
    assert examples == ["train cartpole", "bench pathfinding", "list pathfinding"]
    short = {"train": ["--total_steps", "2048", "--device", "cpu"], "bench": ["--seconds", "0.1", "--num_envs", "4", "--device", "cpu"], "list": []}
    for example in examples:
        succeed(*example.split(), *short[example.split()[0]], cwd=tmp_path)


@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="not done on machines with a GPU")
@pytest.mark.parametrize(("given", "spins"), [({}, "10000"), ({"GOMP_SPINCOUNT": "77"}, "77")])
def test_idle_threads_do_not_spin_for_long(given, spins, tmp_path):
    result = flockstep("list", "cartpole", cwd=tmp_path, env={"OMP_DISPLAY_ENV": "verbose", **given})
    assert set(re.findall(r"GOMP_SPINCOUNT = '(\d+)'", result.stderr)) == {spins}


def test_version_is_one_line(tmp_path):
    assert re.fullmatch(r"flockstep \d+\.\d+\.\d+ \(\S+\)\n", succeed("--version", cwd=tmp_path))


def test_list_names_the_environments(tmp_path):
    text = succeed("list", cwd=tmp_path)
    assert re.search(r"^cartpole +balance a pole", text, re.MULTILINE)
    assert re.search(r"^pathfinding +", text, re.MULTILINE)


def test_list_of_one_shows_settings_spaces_metrics_and_policies(tmp_path):
    text = succeed("list", "cartpole", cwd=tmp_path)
    assert re.search(r"max_episode_steps +500 +an integer", text)
    assert re.search(r"observation +float32 +4", text)
    assert re.search(r"action +Discrete +1 +0 \.\. 1", text)
    assert "Metrics: episode_return, episode_length" in text
    assert "Policies: random" in text
    assert "Gymnasium: flockstep/CartPole-v1" in text and "flockstep tool" not in text


def test_list_shows_spaces_for_the_settings_given(tmp_path):
    text = succeed("list", "pathfinding", "--obs_radius", "3", "--num_agents=5", cwd=tmp_path)
    assert "3 x 7 x 7" in text and "5 agents" in text and "pibt" in text


# Bad input

BAD_WORDS = [
    (["--"], "want list, train, eval, bench, render or tool"),
    (["trian"], 'got "trian"'),
    (["tool", "pathfindin"], 'environment: got "pathfindin", want one of: cartpole, pendulum, acrobot, mountain_car_continuous, pathfinding'),
    (["tool", "cartpole"], 'environment: got "cartpole", which has no commands, want one of: pathfinding'),
    (["tool", "cartpole", "generate"], 'environment: got "cartpole", which has no commands, want one of: pathfinding'),
    (["tool", "pathfinding", "generat"], 'command of pathfinding: got "generat", want one of: generate, convert'),
    (["tool", "pathfinding", "generat", "--help"], 'command of pathfinding: got "generat", want one of: generate, convert'),
    (["tool", "pathfinding", "generate", "maze"], 'option of pathfinding generate: got "maze", want --key value'),
    (["tool", "pathfinding", "generate", "--num_mpas", "3"], 'unknown key "num_mpas", did you mean "num_maps"?'),
    (["tool", "pathfinding", "generate", "--num_maps", "0"], 'num_maps: got "0", want an integer from 1'),
    (["tool", "pathfinding", "generate", "--size", "8", "--height", "9"], "height and width"),
    (["tool", "pathfinding", "generate", "--output", "absent/maps.yaml"], 'output: got "absent/maps.yaml", want a file that can be written'),
    (["tool", "pathfinding", "convert"], "input: got nothing, want a file of maps"),
    (["tool", "pathfinding", "convert", "--input", "absent.map"], "absent.map"),
    (["--frobnicate"], "--frobnicate"),
    (["list", "cartpol"], 'got "cartpol", want one of: cartpole'),
    (["train"], "want a name"),
    (["train", "cartpole", "pathfinding"], "pathfinding"),
    (["train", "cartpole", "--nm_envs", "3"], 'unknown key "nm_envs", did you mean "num_envs"?'),
    (["train", "cartpole", "--lr", "0.001"], 'unknown key "lr", want learning_rate'),
    (["train", "cartpole", "--total_steps", "9223372036854775807"], 'total_steps: got "9223372036854775807", want an integer from 1 to 9007199254740992'),
    (["train", "cartpole", "--total_steps", "9223372036854775808"], 'total_steps: got "9223372036854775808", want an integer from 1 to 9007199254740992'),
    (["train", "cartpole", "--seed", "18446744073709551615"], 'seed: got "18446744073709551615", want an integer from 0 to 9223372036854775807'),
    (["train", "cartpole", "--total_timesteps", "9"], 'unknown key "total_timesteps", want total_steps'),
    (["train", "cartpole", "--clip_range", "0.1"], 'unknown key "clip_range", want clip_coef'),
    (["train", "cartpole", "--batch_size", "64"], 'unknown key "batch_size", want num_minibatches: '),
    (["train", "cartpole", "--hidden", "64"], 'unknown key "hidden", want hidden_sizes'),
    (["train", "cartpole", "--separate", "false"], 'unknown key "separate", want share_layers, its opposite'),
    (["train", "cartpole", "--num_envs", "many"], 'num_envs: got "many", want an integer from 1'),
    (["train", "cartpole", "--num_envs", "0"], 'num_envs: got "0"'),
    (["train", "cartpole", "--num_envs"], "num_envs: got no value, want an integer from 1"),
    (["train", "cartpole", "--gamma", "--seed", "3"], "gamma: got no value, want a number from 0 to 1"),
    (["train", "cartpole", "--max_episode_steps"], "max_episode_steps: got no value, want an integer from 1"),
    (["eval", "cartpole", "--episodes"], "episodes: got no value, want an integer from 1"),
    (["train", "cartpole", "--device"], "device: got no value, want a string"),
    (["train", "cartpole", "--learning_rate", "inf"], 'learning_rate: got "inf", want a finite number >= 0, at most 3.4e38'),
    (["train", "cartpole", "--learning_rate", "1e39"], 'learning_rate: got "1e39", want a finite number >= 0, at most 3.4e38'),
    (["train", "cartpole", "--ent_coef", "nan"], 'ent_coef: got "nan", want a number >= 0'),
    (["train", "cartpole", "--keep_best", "reward"], 'keep_best: got "reward", want one of: episode_return, episode_length'),
    (["train", "cartpole", "--eval_every", "1000"], "evaluate_episodes: got 0 with eval_every = 1000, want the number of episodes of each evaluation"),
    (["train", "cartpole", "--eval_freq", "1000"], 'unknown key "eval_freq", want eval_every'),
    (["train", "cartpole", "--hidden_sizes", "64,x"], 'hidden_sizes: got "64,x"'),
    (["train", "cartpole", "--device", "tpu"], 'device: got "tpu"'),
    (["train", "cartpole", "--device", "cuda:97"], 'device: got "cuda:97", which cannot be used'),
    (["train", "cartpole", "--device", "cuda:x"], 'device: got "cuda:x", want auto, cpu, cuda or cuda:N'),
    (["eval", "cartpole", "--device", "cuda:97"], 'device: got "cuda:97", which cannot be used'),
    (["bench", "cartpole", "--device", "cuda:97"], 'device: got "cuda:97", which cannot be used'),
    (["train", "cartpole", "--dtype", "observation=float17"], "float17"),
    (["train", "cartpole", "--max_episode_steps", "-3"], 'max_episode_steps: got "-3", want an integer from 1'),
    (["train", "cartpole", "--config", "cartpol"], 'config: got "cartpol", want a TOML file, none, or one of acrobot, cartpole, mountain_car_continuous, mpe_spread, mpe_spread_mappo, mpe_tag, pathfinding, pathfinding_'),
    (["train", "cartpole", "--config", "pathfinding_random"], "config: recipe pathfinding_random is for pathfinding, not for cartpole"),
    (["bench", "pathfinding", "--height", "64", "--width", "64"], 'benchmark settings of pathfinding (--config none skips them): size: got 32, want 64'),
    (["train", "cartpole", "--NUM_ENVS", "4"], 'unknown key "NUM_ENVS", want num_envs'),
    (["train", "cartpole", "--CLIP_EPS", "0.2"], 'unknown key "CLIP_EPS", want clip_coef'),
    (["train", "cartpole", "--num_threads", "1"], 'unknown key "num_threads", want the environment variable OMP_NUM_THREADS'),
    (["train", "cartpole", "learning_rate=0.1"], 'got "learning_rate=0.1" after "cartpole", want settings as --key value'),
    (["train", "cartpole", "--config", "absent.toml"], 'absent.toml: got no such file or directory, want a regular file that can be read'),
    (["train", "cartpole", "--resume", "absent"], 'resume: got "absent"'),
    (["train", "cartpole", "--config"], "--config"),
    (["eval", "cartpole", "--policy", "clever"], 'policy: got "clever", want one of: random'),
    (["eval", "cartpole", "--episodes", "0"], 'episodes: got "0"'),
    (["eval", "cartpole", "--checkpoint", "absent"], 'checkpoint: got "absent"'),
    (["eval"], "want a name or --checkpoint"),
    (["bench"], "environment: got none, want one or more names"),
    (["train", "cartpole", "--trainer.num_envs", "0"], 'num_envs: got "0", want an integer from 1'),
    (["train", "cartpole", "--environment.num_envs", "1"], 'command line: unknown key "num_envs"'),
    (["train", "cartpole", "--elsewhere.num_envs", "1"], "command line: got table [elsewhere], want one of [trainer]"),
    (["bench", "cartpole", "--outputs", "reward,rewrad"], "rewrad"),
    (["bench", "cartpole", "--seconds", "-1"], 'seconds: got "-1"'),
    (["render", "cartpole", "--policy", "clever"], 'policy: got "clever"'),
    (["render", "cartpole", "--output", "absent/folder/x.html"], "absent/folder/x.html"),
    (["list", "pathfinding", "--num_agents", "1000", "--size", "4"], "num_agents"),
    (["list", "pathfinding", "--map", "absent.map"], "absent.map"),
    (["list", "pathfinding", "--on_target", "stay"], 'on_target: got "stay", want finish, nothing or restart'),
]


@pytest.mark.parametrize("words, says", BAD_WORDS, ids=[" ".join(words) for words, _ in BAD_WORDS])
def test_bad_input_is_one_sentence_and_exit_code_2(words, says, tmp_path):
    device = [] if "--device" in words or not words or words[0] not in ("train", "eval", "bench", "render") else ["--device", "cpu"]
    if words and words[-1].startswith("--"):
        device = []
    assert says in refusal(*words, *device, cwd=tmp_path)
    assert not flockstep(*words, *device, cwd=tmp_path).stdout  # no "Recipe: ..." before the error
    assert not (tmp_path / "runs").exists()


BAD_FILES = [
    ("num_envs = \n", "config.toml:1: num_envs: expected value, saw '\\n'"),
    ("# a comment\nnum_envs = 3x\n", "config.toml:2: num_envs: expected digit, saw 'x'"),
    ("num_envs = 1\nnum_envs = 2\n", "config.toml:2: num_envs: cannot redefine existing integer 'num_envs'"),
    ("[trainer]\n[trainer]\n", "config.toml:2: cannot redefine existing table 'trainer'"),
    ("[traner]\nnum_envs = 1\n", "config.toml:2: got table [traner], want one of [trainer]"),
    ("\nnm_envs = 3\n", 'config.toml:2: unknown key "nm_envs", did you mean "num_envs"?'),
    ("[environment]\nnum_envs = 3\n", 'config.toml:2: unknown key "num_envs"'),
    ('num_envs = "many"\n', 'config.toml:1: num_envs: got "many", want an integer from 1'),
    ("[trainer]\n\nlearning_rate = -1.0\n", "config.toml:3: learning_rate: got -1, want a number >= 0"),
    ('activation = "cubic"\n', 'config.toml:1: activation: got "cubic", want tanh or relu'),
    ('runs = "unfinished\n', "config.toml:1: runs: unescaped control characters"),
    ("num_envs = 012\n", "config.toml:1: num_envs: leading zeroes are prohibited"),
    ("born = 1979-05-27\n", "config.toml:1: born: got a date, want true, false, a number"),
    ("num_envs = 1 num_steps = 2\n", "config.toml:1: num_envs: expected a comment or whitespace, saw 'n'"),
    ("[trainer]\nentropy = 0.1\n", 'config.toml:2: unknown key "entropy", want ent_coef'),
    ("[cpu]\nepochs = 3\n", 'config.toml:2: unknown key "epochs", want update_epochs'),
    ("format_version = 99\n", "config.toml:1: format_version: got 99, want 2; settings have other names in other versions"),
    ("seed = 99999999999999999999\n", "config.toml:1: seed: '99999999999999999999' is not representable in 64 bits"),
]


@pytest.mark.parametrize("text, says", BAD_FILES, ids=[repr(text) for text, _ in BAD_FILES])
def test_a_bad_file_is_refused_with_its_line(text, says, tmp_path):
    (tmp_path / "config.toml").write_text(text)
    assert says in refusal("train", "cartpole", "--config", "config.toml", cwd=tmp_path)


def test_too_little_memory_says_how_much_was_needed_and_is_free(tmp_path):
    says = refusal("bench", "cartpole", "--num_envs", "2000000000", "--device", "cpu", cwd=tmp_path)
    assert re.search(r"memory: .* needs \d+ MiB, free are \d+ MiB", says)


def test_a_damaged_checkpoint_is_refused(trained, tmp_path):
    bytes_ = (trained[1] / "checkpoint.safetensors").read_bytes()
    for name, damaged in {"short": bytes_[: len(bytes_) // 2], "noise": b"\xff" * 100, "empty": b""}.items():
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(damaged)
        assert str(file) in refusal("eval", "--checkpoint", file, "--device", "cpu", cwd=tmp_path)


def test_a_checkpoint_of_another_environment_is_refused(trained, tmp_path):
    says = refusal("eval", "pathfinding", "--checkpoint", trained[1], "--device", "cpu", cwd=tmp_path)
    assert "was trained on cartpole, not on pathfinding" in says

# Evaluation, benchmarks, replays


def test_random_play_of_cartpole_returns_about_22(tmp_path):
    result = json.loads(succeed("eval", "cartpole", "--policy", "random", "--episodes", "2000", "--device", "cpu", "--json", cwd=tmp_path))
    reached = result["metrics"]["episode_return"]
    assert reached["count"] == 2000
    assert 21 < reached["mean"] < 23.5
    assert reached["low"] < reached["mean"] < reached["high"]
    assert reached["high"] - reached["mean"] == pytest.approx(1.96 * reached["standard_error"], rel=0.01)


def test_evaluation_of_a_checkpoint_takes_its_environment_and_settings(trained, tmp_path):
    words = ["eval", "--checkpoint", trained[1], "--episodes", "64", "--device", "cpu", "--max_episode_steps", "30"]
    text = succeed(*words, cwd=tmp_path)
    assert re.search(r"episode_return +\d", text) and "cartpole" in text
    result = json.loads(succeed(*words, "--json", "--deterministic", cwd=tmp_path))
    assert 5 < result["metrics"]["episode_length"]["mean"] <= 30


def test_bench_prints_one_json_object_per_environment(tmp_path):
    text = succeed("bench", "cartpole", "pathfinding", "--json", "--seconds", "0.2", "--num_envs", "64", "--device", "cpu", cwd=tmp_path)
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["environment"] for row in rows] == ["cartpole", "pathfinding"]
    for row in rows:
        assert row["num_envs"] == 64 and row["num_agents"] == {"cartpole": 1, "pathfinding": 64}[row["environment"]]
        assert row["agent_steps_per_second"] == pytest.approx(row["env_steps_per_second"] * row["num_agents"])
        assert 0 < row["bandwidth_share"] < 2 and row["bytes_per_agent_step"] > 0 and row["copy_bandwidth"] > 1e8
        assert row["commit"] and "reward" in row["outputs"]


def test_bench_takes_the_environments_own_settings_unless_told_otherwise(tmp_path):
    words = ["bench", "pathfinding", "--seconds", "0.1", "--num_envs", "8", "--device", "cpu"]
    own = {"size": 32, "num_agents": 64, "on_target": "restart", "collision_system": "soft", "max_episode_steps": 256}
    bare = {"size": 8, "num_agents": 1, "on_target": "finish", "collision_system": "priority", "max_episode_steps": 64}
    (tmp_path / "four.toml").write_text("num_agents = 4\n")
    for more, changed in [
        ([], own),
        (["--num_agents", "8", "--size=64"], {**own, "num_agents": 8, "size": 64}),
        (["--config", "none"], bare),
        (["--config", "four.toml"], {**bare, "num_agents": 4}),
    ]:
        row = json.loads(succeed(*words, *more, "--json", cwd=tmp_path))
        assert {name: row["settings"][name] for name in own} == changed
    line = "  settings       collision_system soft, max_episode_steps 256, num_agents 64, on_target restart, size 32\n"
    assert line in succeed(*words, cwd=tmp_path)
    assert "  settings       the defaults\n" in succeed(*words, "--config", "none", cwd=tmp_path)


def test_bench_measures_what_was_asked_for(tmp_path):
    words = ["bench", "cartpole", "--seconds", "0.1", "--num_envs", "64", "--device", "cpu", "--json"]
    row = json.loads(succeed(*words, "--outputs", "observation,reward", "--dtype", "bfloat16", cwd=tmp_path))
    assert row["outputs"] == "observation bfloat16, reward float32"


def test_render_writes_a_page_of_a_scripted_policy(tmp_path):
    succeed("render", "cartpole", "--policy", "random", "--device", "cpu", "--output", "random.html", cwd=tmp_path)
    assert "<canvas" in (tmp_path / "random.html").read_text()


def test_render_draws_pathfinding(tmp_path):
    words = ["render", "pathfinding", "--num_agents", "4", "--max_episode_steps", "20", "--device", "cpu"]
    assert "20 steps" in succeed(*words, "--on_target", "restart", cwd=tmp_path)
    assert (tmp_path / "pathfinding.html").stat().st_size > 5000


# Commands of the environments


def test_tool_lists_environments_commands_and_options(tmp_path):
    assert re.search(r"^pathfinding +generate, convert$", succeed("tool", cwd=tmp_path), re.MULTILINE)
    text = succeed("tool", "pathfinding", cwd=tmp_path)
    assert re.search(r"^generate +generate maps", text, re.MULTILINE) and re.search(r"^convert +", text, re.MULTILINE)
    assert "Commands: flockstep tool pathfinding" in succeed("list", "pathfinding", cwd=tmp_path)
    for words in (["tool", "pathfinding", "generate", "--help"], ["tool", "--help", "pathfinding", "generate"]):
        text = succeed(*words, cwd=tmp_path)
        assert re.search(r"^  num_maps +64 +an integer", text, re.MULTILINE) and "num_agents" not in text


def test_generated_maps_are_played(tmp_path):
    words = ["tool", "pathfinding", "generate", "--generator", "maze", "--num_maps=3", "--size", "15"]
    assert succeed(*words, "--output", "mazes.yaml", cwd=tmp_path) == "Wrote 3 maps to mazes.yaml\n"
    assert succeed(*words, cwd=tmp_path) == (tmp_path / "mazes.yaml").read_text()
    play = ["eval", "pathfinding", "--policy", "random", "--episodes", "4", "--device", "cpu"]
    assert "ISR" in succeed(*play, "--map", "mazes.yaml#maze-2", "--num_agents", "8", cwd=tmp_path)


def test_a_movingai_scenario_becomes_a_configuration_that_is_played(tmp_path):
    (tmp_path / "small.map").write_text("type octile\nheight 2\nwidth 4\nmap\n.T..\n....\n")
    (tmp_path / "small.scen").write_text("version 1\n" + "".join(f"0\tsmall.map\t4\t2\t{x}\t1\t{3 - x}\t1\t1\n" for x in (0, 1, 3)))
    words = ["tool", "pathfinding", "convert", "--input", "small.map", "--scenario", "small.scen", "--output", "small.toml"]
    succeed(*words, cwd=tmp_path)
    play = ["eval", "--policy", "random", "--episodes", "4", "--device", "cpu", "--json"]
    played = json.loads(succeed(*play, "--config", "small.toml", cwd=tmp_path))
    assert played["environment"] == "pathfinding"
    tomllib = pytest.importorskip("tomllib")
    settings = tomllib.loads((tmp_path / "small.toml").read_text())["environment"]
    assert json.loads(settings["agents_xy"]) == [[1, 0], [1, 1], [1, 3]]
    assert json.loads(settings["targets_xy"]) == [[1, 3], [1, 2], [1, 0]]


def test_evaluations_play_instances_that_training_never_saw(tmp_path):
    """generator = pogema counts up from the seed: `train` begins at 1, `eval` where evaluations in training do."""
    words = ["eval", "pathfinding", "--policy", "random", "--episodes", "2", "--device", "cpu", "--json"]
    seed = json.loads(succeed(*words, cwd=tmp_path))["seed"]
    assert seed == 1_000_000
    flockstep = pytest.importorskip("flockstep", reason="the Python module is not built")
    settings = {"num_agents": 8, "size": 16, "generator": "pogema", "device": "cpu", "max_episode_steps": 1}
    trained = flockstep.make("pathfinding", num_envs=256, seed=1, **settings)
    evaluated = flockstep.make("pathfinding", num_envs=128, seed=seed, **settings)

    def instances(env):
        return {(place.tobytes(), goal.tobytes()) for place, goal in zip(env.get_field("position"), env.get_field("goal"), strict=True)}

    played = set()
    for _ in range(4):  # episodes
        played |= instances(trained)
        trained.step(trained.act("random"))
    assert len(played) == 4 * 256 and not played & instances(evaluated)

"""An environment that breaks the contract does not compile, and the compiler says in a sentence what is wanted."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILER = os.environ.get("CXX") or shutil.which("c++")

ENVIRONMENT = """
#include "sim/contract/environment.h"
#include "sim/engine/check_contract.h"
using namespace flockstep;
struct Pursuit {
    struct Config { int max_episode_steps = 10; template <class F> void fields(F) {} };
    struct State { Field<int32_t> at; template <class V> SIM_HD void fields(const Config&, V& visit) { visit("at", at, 2); } };
    static constexpr Observation<"view", float> view{};
    static constexpr Discrete<"move"> move{};
    TENSORS
    STREAMS
    SPACES
    template <class G> SIM_HD static void reset(G&, World<Pursuit>&) {}
    template <class G> SIM_HD static void step(G&, World<Pursuit>& world, const Actions<Pursuit>& action, const Outcome<Pursuit>&) { STEP }
    template <class G> SIM_HD static void observe(G&, const World<Pursuit>&, AgentRange, const ObservationWriter<Pursuit>& out) { OBSERVE }
    MORE
};
int main() {
    check_contract<Pursuit>();
    HostGroup group;
    World<Pursuit>* world = nullptr;
    Pursuit::step(group, *world, Actions<Pursuit>{}, Outcome<Pursuit>{});
    Pursuit::observe(group, *world, AgentRange{}, ObservationWriter<Pursuit>(nullptr, nullptr));
}
"""

WRONG = {
    "active without const": ("SIM_HD static bool active(World<Pursuit>&, int) { return true; }", "active: want `SIM_HD static bool active(const World<Env>&, int agent)`"),
    "acts of another type": ("SIM_HD static int acts(const World<Pursuit>&, int) { return 1; }", "acts: want `SIM_HD static bool acts(const World<Env>&, int agent)`"),
    "allowed without const": ("SIM_HD static bool allowed(World<Pursuit>&, int, Discrete<\"move\">, int) { return true; }", "allowed: want `SIM_HD static bool allowed(const World<Env>&, int agent, Discrete<"),
    "allowed of another part": ("SIM_HD static bool allowed(const World<Pursuit>&, int, Discrete<\"turn\">, int) { return true; }", "allowed: want `SIM_HD static bool allowed(const World<Env>&, int agent, Discrete<"),
    "a mask of nothing": ("static bool has_action_mask(const Config&) { return true; }", "has_action_mask: want `allowed` or `legal_actions` too"),
    "legal_actions without a writer": ("template <class Group> SIM_HD static void legal_actions(Group&, World<Pursuit>&) {}", "legal_actions: want `template <class Group> SIM_HD static void legal_actions(Group&, const World<Env>&"),
    "legal_actions beside allowed": ("template <class Group> SIM_HD static void legal_actions(Group&, World<Pursuit>&, const LegalActions<Pursuit>&) {} SIM_HD static bool allowed(const World<Pursuit>&, int, Discrete<\"move\">, int) { return true; }", "legal_actions and allowed: want one of them"),
    "reset_lanes without lanes": ("static int reset_lanes(const Config&, const Nothing&) { return 0; }", "reset_lanes: want `static int reset_lanes(const Config&, const Shared&, int lanes)`"),
    "observe_state with a range": ("template <class Group> SIM_HD static void observe_state(Group&, World<Pursuit>&, AgentRange, const ObservationWriter<Pursuit>&) {}", "observe_state: want `template <class Group> SIM_HD static void observe_state(Group&, const World<Env>&"),
    "agent_metric without a scope": ("static const char* metrics(const Config&, int) { return nullptr; } SIM_HD static float agent_metric(const World<Pursuit>&, int, int) { return 0; }", "agent_metric: want `metric_scope` too"),
    "agent_metric of another type": ("static const char* metrics(const Config&, int) { return nullptr; } static MetricScope metric_scope(const Config&, int) { return MetricScope::agent; } SIM_HD static int agent_metric(const World<Pursuit>&, int, int) { return 0; }", "agent_metric: want `SIM_HD static float agent_metric(const World<Env>&, int agent, int m)`"),
    "metric_scope of another type": ("static int metric_scope(const Config&, int) { return 0; }", "metric_scope: want `static MetricScope metric_scope(const Config&, int m)`"),
    "metrics without metric": ('static const char* metrics(const Config&, int) { return nullptr; }', "metrics, and metric or agent_metric: want both or neither"),
    "metric of no group": ('static const char* metrics(const Config&, int) { return nullptr; } static float metric(World<Pursuit>&, int) { return 0; }', "metric: want `template <class Group> SIM_HD static float metric(Group&, World<Env>&, int m)`"),
    "policies without act": ("static const char* policies(int) { return nullptr; }", "policies and act: want both or neither"),
    "policies of another type": ("static std::string policies(int) { return {}; } template <class G> SIM_HD static void act(G&, World<Pursuit>&, int, const ActionWriter<Pursuit>&) {}", "policies: want `static const char* policies(int p)`"),
    "act without a writer": ("static const char* policies(int) { return nullptr; } template <class G> SIM_HD static void act(G&, World<Pursuit>&, int) {}", "act: want `template <class Group> SIM_HD static void act(Group&, World<Env>&, int p, const ActionWriter<Env>&)`"),
    "derive without world": ("template <class G> SIM_HD static void derive(G&) {}", "derive: want `template <class Group> SIM_HD static void derive(Group&, World<Env>&)`"),
    "lanes without settings": ("static int lanes() { return 1; }", "lanes: want `static int lanes(const Config&)` or `lanes(const Config&, const Shared&)`"),
    "a shared struct that is never loaded": ("struct Shared { template <class V> void fields(V) {} };", "Shared: want `load` too"),
    "load of another type": ("struct Shared { template <class V> void fields(V) {} }; static int load(Config&, Loader&) { return 0; }", "load: want `static Shared load(const Config&, Loader&)`"),
    "load that would change settings": ("struct Shared { template <class V> void fields(V&) {} }; static Shared load(Config&, Loader&) { return {}; }", "load: want `static Shared load(const Config&, Loader&)`"),
    "lanes of other shared data": ("static int lanes(const Config&, int) { return 1; }", "or `lanes(const Config&, const Shared&)`"),
    "metrics without a number": ("static const char* metrics(const Config&) { return nullptr; } template <class G> SIM_HD static float metric(G&, World<Pursuit>&, int) { return 0; }", "or `metrics(const Config&, const Shared&, int m)`"),
    "policy_error of another type": ("static bool policy_error(const Config&, int) { return false; }", "or `policy_error(const Config&, const Shared&, int p)`"),
    "has_action_mask of another type": ("SIM_HD static bool allowed(const World<Pursuit>&, int, Discrete<\"move\">, int) { return true; } static int has_action_mask(const Config&) { return 1; }", "or `has_action_mask(const Config&, const Shared&)`"),
    "observe and observe_agent": ("template <class T> SIM_HD static void observe_agent(T&, const World<Pursuit>&, int, const RowWriter<Pursuit>&) {}", "observe, observe_agent: want one of them, observe_agent for large observations"),
    "observe_agent of a range": ("template <class T> SIM_HD static void observe_agent(T&, const World<Pursuit>&, AgentRange, const RowWriter<Pursuit>&) {}", "observe_agent: want `template <class Team> SIM_HD static void observe_agent(Team&, const World<Env>&, int agent, TeamScratch&, const RowWriter<Env>&)`, without TeamScratch& if there is none"),
    "observe_agent without its scratch": ("struct TeamScratch { int list[8]; }; template <class T> SIM_HD static void observe_agent(T&, const World<Pursuit>&, int, const RowWriter<Pursuit>&) {}", "observe_agent: want `template <class Team> SIM_HD static void observe_agent(Team&, const World<Env>&, int agent, TeamScratch&, const RowWriter<Env>&)`"),
    "scratch of a team of fields": ("struct TeamScratch { std::vector<int> list; }; template <class T> SIM_HD static void observe_agent(T&, const World<Pursuit>&, int, TeamScratch&, const RowWriter<Pursuit>&) {}", "TeamScratch: want plain data of a fixed size, without Field or View"),
    "scratch of a team that does not observe": ("struct TeamScratch { int list[8]; };", "TeamScratch: want `observe_agent` too"),
    "prepare without group": ("SIM_HD static void prepare(World<Pursuit>&) {}", "prepare: want `template <class Group> SIM_HD static void prepare(Group&, World<Env>&)`"),
    "state_error of another type": ("static const char* state_error(const World<Pursuit>&) { return nullptr; }", "state_error: want `static std::string state_error(const World<Env>&)`"),
    "ids as text": ('static constexpr const char* gymnasium_ids[] = {"Pursuit-v0"};', "gymnasium_ids: want `static constexpr GymnasiumId gymnasium_ids[] = {{"),
    "one id": ('static constexpr GymnasiumId gymnasium_ids{"Pursuit-v0"};', "gymnasium_ids: want `static constexpr GymnasiumId gymnasium_ids[] = {{"),
    "an id without a version": ('static constexpr GymnasiumId gymnasium_ids[] = {{"Pursuit-v0"}, {"Pursuit"}};', "gymnasium_ids: want ids like "),
    "an id with a namespace": ('static constexpr GymnasiumId gymnasium_ids[] = {{"flockstep/Pursuit-v0"}};', "gymnasium_ids: want ids like "),
    "a version that is no number": ('static constexpr GymnasiumId gymnasium_ids[] = {{"Pursuit-v0b"}};', "gymnasium_ids: want ids like "),
    "benchmark settings as text": ('static constexpr const char* bench_settings[] = {"size", "8"};', "bench_settings: want `static constexpr PresetSetting bench_settings[] = {{"),
    "one tool": ("static Tool tools();", "tools: want `static std::vector<Tool> tools()`"),
    "tools of settings": ("static std::vector<Tool> tools(const Config&);", "tools: want `static std::vector<Tool> tools()`"),
    "a drawing without a world": ("static void draw(Batch&, Replay&) {}", "draw: want `static void draw(Batch&, int64_t env, Replay&)`"),
}


STREAMS = '''
    static constexpr RandomStream<"place", Purpose::step, Draws{0, 2}> place{};
    static constexpr RandomStream<"gust", Purpose::step, Draws{4, 7}, Items{0, 1}> gust{};
    static constexpr auto random_streams = random_stream_list(place, gust);
'''
DRAWN = """world.rng.uniform(place, 3, 1, -1, 1); world.rng.below(gust, 0, gust.at(action.choice(move, 0)), 5);
           world.rng.bits4(gust, 0, 0); world.rng.bits(place, 0, 0); (void)(world.rng.seed + world.rng.env + world.rng.episode);"""
BEYOND = "a draw's index: want one below the number of the stream's draws, or of its blocks of four"
MISDRAWN = {
    "a bare number": ("world.rng.uniform(3u, 0, -1, 1);", "no matching function for call to"),
    "the bare generator": ("Rng rng = world.rng;", "is an inaccessible base of"),
    "a draw beyond the stream": ("world.rng.uniform(place, 3, 2);", BEYOND),
    "a draw before the stream": ("world.rng.bits(place, 3, -1);", BEYOND),
    "a block that the stream does not fill": ("world.rng.bits4(gust, 0, 1);", BEYOND),
    "an index known at run time, unmarked": ("for (int k = 0; k < 2; ++k) world.rng.bits(place, 3, k);", "is not usable in a constant expression"),
    "a stream that is not listed": ('world.rng.bits(RandomStream<"place", Purpose::reset, Draws{0, 2}>{}, 3, 0);', "a random stream: want one of those in the environment's `random_streams`"),
}
ODD = 'static constexpr RandomStream<"odd", Purpose::step, Draws{2, 8}> odd{}; static constexpr auto random_streams = random_stream_list(odd);'
MISDECLARED = {
    "nothing declared": ("", 'world.rng.bits(RandomStream<"place", Purpose::step, Draws{0, 2}>{}, 3, 0);', "random_streams: want `static constexpr auto random_streams = random_stream_list(...)` of all streams that the rules use"),
    "something else declared": ("static constexpr int random_streams = 3;", "", "random_streams: want `static constexpr auto random_streams = random_stream_list(...)` of all streams that the rules use"),
    "blocks of four from draw 2": (ODD, "world.rng.bits4(odd, 3, 0);", "bits4: want a stream whose first draw is a multiple of 4"),
    "draws beyond the last": ('static constexpr RandomStream<"far", Purpose::step, Draws{16380, 5}> far{};', "", "RandomStream: want at least one draw, and all draws below 16,384"),
    "no draws": ('static constexpr RandomStream<"none", Purpose::step, Draws{3, 0}> none{};', "", "RandomStream: want at least one draw, and all draws below 16,384"),
    "items beyond the last": ('static constexpr RandomStream<"far", Purpose::step, Draws{0, 1}, Items{1 << 20, 1}> far{};', "", "RandomStream: want at least one item, and all items below 1,048,576"),
    "the engine's own purpose": ('static constexpr RandomStream<"phase", Purpose::phase, Draws{0, 1}> phase{};', "", "RandomStream: want Purpose::reset, Purpose::step or Purpose::policy"),
}
OVERLAP = '''
    static constexpr RandomStream<"place", Purpose::PURPOSE, Draws{0, 2}> place{};
    static constexpr RandomStream<"other", Purpose::reset, Draws{0, 2}, Items{ITEMS}> other{};
    static constexpr RandomStream<"NAME", Purpose::step, Draws{FIRST, 1}> last{};
    static constexpr auto random_streams = random_stream_list(place, other, last);
'''


TENSORS = "static constexpr auto tensors = tensor_list(view, move);"
MISUSED = {
    "a row of bits": ("", "out.row(Observation<\"lamps\", Bit>{}, 0);", "row: want a part of floats or bytes"),
    "bits of a row": ("", "HostGroup group; out.bits(group, view, 0, 0, 1, 1u);", "bits: want a part of bits"),
    "floats as bytes": ("", "uint8_t* row = out.row(view, 0); row[0] = 1;", "cannot convert"),
    "a handle that is not listed": ("", "out.row(Observation<\"other\", float>{}, 0)[0] = 1;", "want one of those in the environment's `tensors`"),
    "a handle of another type": ("", "out.row(Observation<\"view\", uint8_t>{}, 0)[0] = 1;", "want one of those in the environment's `tensors`"),
    "a float of a choice": ("action.value(move, 0);", "", "value: want a Box handle"),
    "the choice of an unlisted handle": ("action.choice(Discrete<\"turn\">{}, 0);", "", "want one of those in the environment's `tensors`"),
}


SPACES = "static Spaces spaces(const Config&) { return {}; }"
SEES_SHARED = """
    struct Shared { View<int> map; int size = 0; template <class V> void fields(V& visit) { visit("map", map), visit("size", size); } };
    static Shared load(const Config&, Loader& loader) { return {loader.keep(std::vector<int>{1}), 1}; }
    static bool has_action_mask(const Config&, const Shared& shared) { return shared.size > 0; }
    SIM_HD static bool allowed(const World<Pursuit>&, int, Discrete<"move">, int) { return true; }
    static const char* metrics(const Config&, const Shared&, int) { return nullptr; }
    template <class G> SIM_HD static float metric(G&, World<Pursuit>&, int) { return 0; }
    static const char* policies(int) { return nullptr; }
    static const char* policy_error(const Config&, const Shared&, int) { return nullptr; }
    template <class G> SIM_HD static void act(G&, World<Pursuit>&, int, const ActionWriter<Pursuit>&) {}
    static int lanes(const Config&, const Shared& shared) { return shared.size; }
"""


def compile(tmp_path, more="", step="", observe="", tensors=TENSORS, spaces=SPACES, streams=""):
    source = tmp_path / "pursuit.cpp"
    text = ENVIRONMENT
    for key, code in {"MORE": more, "STEP": step, "OBSERVE": observe, "TENSORS": tensors, "SPACES": spaces, "STREAMS": streams}.items():
        text = text.replace(key, code)
    source.write_text(text)
    command = [COMPILER, "-std=c++20", "-fopenmp", "-fsyntax-only", "-I", str(ROOT), str(source)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(autouse=True)
def compiler():
    if not COMPILER:
        pytest.skip("no C++ compiler")


def test_an_environment_that_keeps_the_contract_compiles(tmp_path):
    done = compile(tmp_path, "SIM_HD static bool active(const World<Pursuit>&, int) { return true; }")
    assert done.returncode == 0, done.stderr


def test_ids_and_tools_that_keep_the_contract_compile(tmp_path):
    ids = 'static constexpr GymnasiumId gymnasium_ids[] = {{"Pursuit-v0"}, {"Pursuit_8x8-v12", {{"size", "8"}, {"walls", "0"}}}};'
    done = compile(tmp_path, ids + "static std::vector<Tool> tools();")
    assert done.returncode == 0, done.stderr


def test_what_the_host_asks_may_see_shared_data(tmp_path):
    done = compile(tmp_path, SEES_SHARED, spaces="static Spaces spaces(const Config&, const struct Shared&);")
    assert done.returncode != 0  # another Shared than the environment's
    assert "or `spaces(const Config&, const Shared&)`" in done.stderr.replace("\n", " ")
    done = compile(tmp_path, SEES_SHARED + "static Spaces spaces(const Config&, const Shared&) { return {}; }", spaces="")
    assert done.returncode == 0, done.stderr


def assert_refused(done, sentence):
    assert done.returncode != 0
    assert sentence in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_signature_is_refused_in_a_sentence(tmp_path, case):
    more, sentence = WRONG[case]
    done = compile(tmp_path, more)
    assert_refused(done, sentence)


@pytest.mark.parametrize("case", MISUSED)
def test_a_handle_that_does_not_fit_is_refused_in_a_sentence(tmp_path, case):
    step, observe, sentence = MISUSED[case]
    done = compile(tmp_path, step=step, observe=observe)
    assert_refused(done, sentence)


def test_an_environment_without_tensors_is_refused_in_a_sentence(tmp_path):
    done = compile(tmp_path, tensors="")
    assert_refused(done, "tensors: want `static constexpr auto tensors = tensor_list(...)`")


def test_streamed_parts_of_bits_are_refused_in_a_sentence(tmp_path):
    tensors = TENSORS.replace("tensor_list(view", 'tensor_list(Observation<"lamps", Bit>{}, view')
    agent = "template <class T> SIM_HD static void observe_agent(T&, const World<Pursuit>&, int, const RowWriter<Pursuit>&) {}"
    done = compile(tmp_path, agent, tensors=tensors)
    assert_refused(done, "observe_agent: want parts of floats or bytes, none of bits")


def test_a_global_state_beside_streamed_observations_is_refused_in_a_sentence(tmp_path):
    agent = "template <class T> SIM_HD static void observe_agent(T&, const World<Pursuit>&, int, const RowWriter<Pursuit>&) {}"
    state = "template <class G> SIM_HD static void observe_state(G&, World<Pursuit>&, const ObservationWriter<Pursuit>&) {}"
    done = compile(tmp_path, agent + state)
    assert_refused(done, "observe_state: want none if observations are streamed")


def test_rules_draw_through_the_streams_that_they_list(tmp_path):
    done = compile(tmp_path, step=DRAWN, streams=STREAMS)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", MISDRAWN)
def test_a_draw_that_is_not_in_a_stream_does_not_compile(tmp_path, case):
    step, sentence = MISDRAWN[case]
    done = compile(tmp_path, step=step, streams=STREAMS)
    assert_refused(done, sentence)


@pytest.mark.parametrize("case", MISDECLARED)
def test_a_stream_that_cannot_be_is_refused_in_a_sentence(tmp_path, case):
    streams, step, sentence = MISDECLARED[case]
    done = compile(tmp_path, step=step, streams=streams)
    assert_refused(done, sentence)


@pytest.mark.parametrize(
    "purpose, items, name, first, refused",
    [
        ("step", "", "last", 2, ""),
        ("step", "", "last", 1, "disjoint draws"),
        ("step", "", "place", 2, "different names"),
        ("reset", "", "last", 1, "disjoint draws"),
        ("reset", "1, 4", "last", 1, "disjoint draws"),
    ],
)
def test_streams_of_one_purpose_are_apart(tmp_path, purpose, items, name, first, refused):
    streams = OVERLAP.replace("PURPOSE", purpose).replace("ITEMS", items).replace("NAME", name).replace("FIRST", str(first))
    done = compile(tmp_path, streams=streams)
    assert (done.returncode != 0) == bool(refused), done.stderr
    if refused:
        sentence = "random_stream_list: want streams of one purpose"
        assert sentence in done.stderr and refused in done.stderr
        at_fault = re.search(r"\[with A = (.*?); B = (.*?)\]", done.stderr)
        other = "other" if purpose == "reset" else name
        assert '"place"' in at_fault[1] and f'"{other}"' in at_fault[2]


CHECKED = """
#include "sim/contract/random_streams.h"
using namespace flockstep;
struct Env {
    static constexpr RandomStream<"place", Purpose::step, Draws{0, 2}, Items{0, 9}> place{};
    static constexpr auto random_streams = random_stream_list(place);
};
int main(int count, char**) {
    const StreamRng<Env> rng = Rng{1, 2, 3, 4, count == 2 ? Purpose::reset : Purpose::step};
    rng.bits(Env::place, count == 3 ? 9 : 8, Env::place.at(count == 4 ? 2 : 1));
}
"""


def test_what_is_known_at_run_time_alone_is_checked_where_assertions_are(tmp_path):
    source, program = tmp_path / "draw.cpp", tmp_path / "draw"
    source.write_text(CHECKED)
    failed = {1: "", 2: "purpose == S::purpose", 3: "uint32_t(item) < S::num_items", 4: "value_ < S::num_draws / width"}
    for flags, checks in ([], True), (["-DNDEBUG"], False):
        subprocess.run([COMPILER, "-std=c++20", *flags, "-I", str(ROOT), str(source), "-o", str(program)], check=True, timeout=300)
        for count, wrong in failed.items():
            done = subprocess.run([program] + ["x"] * (count - 1), capture_output=True, text=True, timeout=60)
            assert (done.returncode != 0) == (checks and count > 1)
            assert not checks or wrong in done.stderr

"""An environment that breaks the contract does not compile, and the compiler says in a sentence what is wanted."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMPILER = os.environ.get("CXX") or shutil.which("c++")

ENVIRONMENT = """
#include "sim/environment.h"
#include "sim/check_contract.h"
using namespace flockstep;
struct Pursuit {
    struct Config { int max_episode_steps = 10; template <class F> void fields(F) {} };
    struct State { Field<int32_t> at; template <class V> SIM_HD void fields(const Config&, V& visit) { visit("at", at, 2); } };
    static Spaces spaces(const Config&) { return {}; }
    template <class G> SIM_HD static void reset(G&, World<Pursuit>&) {}
    template <class G> SIM_HD static void step(G&, World<Pursuit>&, const Actions&, const Outcome&) {}
    template <class G> SIM_HD static void observe(G&, const World<Pursuit>&, AgentRange, const ObservationWriter&) {}
    MORE
};
int main() { check_contract<Pursuit>(); }
"""

WRONG = {
    "active without const": ("SIM_HD static bool active(World<Pursuit>&, int) { return true; }", "active: want `SIM_HD static bool active(const World<Env>&, int agent)`"),
    "acts of another type": ("SIM_HD static int acts(const World<Pursuit>&, int) { return 1; }", "acts: want `SIM_HD static bool acts(const World<Env>&, int agent)`"),
    "allowed without const": ("SIM_HD static bool allowed(World<Pursuit>&, int, int, int) { return true; }", "allowed: want `SIM_HD static bool allowed(const World<Env>&, int agent, int part, int choice)`"),
    "a mask of nothing": ("static bool has_action_mask(const Config&) { return true; }", "has_action_mask: want `allowed` beside it"),
    "metrics without metric": ('static const char* metrics(const Config&, int) { return nullptr; }', "metrics and metric: want both or neither"),
    "metric of no group": ('static const char* metrics(const Config&, int) { return nullptr; } static float metric(World<Pursuit>&, int) { return 0; }', "metric: want `template <class Group> SIM_HD static float metric(Group&, World<Env>&, int m)`"),
    "policies without act": ("static const char* policies(int) { return nullptr; }", "policies and act: want both or neither"),
    "derive without world": ("template <class G> SIM_HD static void derive(G&) {}", "derive: want `template <class Group> SIM_HD static void derive(Group&, World<Env>&)`"),
    "lanes without settings": ("static int lanes() { return 1; }", "lanes: want `static int lanes(const Config&)`"),
    "a shared struct that is never loaded": ("struct Shared { template <class V> void fields(V) {} };", "Shared: want `load` beside it"),
    "load of another type": ("struct Shared { template <class V> void fields(V) {} }; static int load(Config&, Loader&) { return 0; }", "load: want `static Shared load(Config&, Loader&)`"),
    "state_error of another type": ("static const char* state_error(const World<Pursuit>&) { return nullptr; }", "state_error: want `static std::string state_error(const World<Env>&)`"),
}


def compile(tmp_path, more):
    source = tmp_path / "pursuit.cpp"
    source.write_text(ENVIRONMENT.replace("MORE", more))
    command = [COMPILER, "-std=c++20", "-fopenmp", "-fsyntax-only", "-I", str(ROOT), str(source)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(autouse=True)
def compiler():
    if not COMPILER:
        pytest.skip("no C++ compiler")


def test_an_environment_that_keeps_the_contract_compiles(tmp_path):
    done = compile(tmp_path, "SIM_HD static bool active(const World<Pursuit>&, int) { return true; }")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_signature_is_refused_in_a_sentence(tmp_path, case):
    more, sentence = WRONG[case]
    done = compile(tmp_path, more)
    assert done.returncode != 0
    assert sentence in done.stderr.replace("\n", " ")

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/catch.h"
#include "tests/fuzz/targets.h"

using namespace flockstep;

TEST_CASE("fuzzing: what libFuzzer found worth keeping is read or refused in one sentence") {
    for (const fuzz::Target& target : fuzz::targets) {
        int count = 0;
        for (const auto& entry :
             std::filesystem::directory_iterator(std::filesystem::path(FLOCKSTEP_FUZZ_CORPUS) / target.name)) {
            std::ifstream file(entry.path(), std::ios::binary);
            const std::string bytes{std::istreambuf_iterator<char>(file), {}};
            INFO(target.name << " " << entry.path().filename());
            CHECK_NOTHROW(target.run(bytes));
            ++count;
        }
        INFO(target.name);
        CHECK(count >= 10);
    }
}

TEST_CASE("fuzzing: an exception of another kind and an unreadable sentence are findings") {
    CHECK(fuzz::accepts([] {}));
    CHECK_FALSE(fuzz::accepts([] { throw std::invalid_argument("size: got 1, want 2"); }));
    CHECK_THROWS_AS(fuzz::accepts([] { throw std::runtime_error("no"); }), fuzz::Finding);
    CHECK_THROWS_AS(fuzz::accepts([] { throw std::invalid_argument(""); }), fuzz::Finding);
    CHECK_THROWS_AS(fuzz::accepts([] { throw std::invalid_argument("got \x1b[2J"); }), fuzz::Finding);
    CHECK_THROWS_AS(fuzz::accepts([] { throw std::invalid_argument("got \xff"); }), fuzz::Finding);
    CHECK_THROWS_AS(fuzz::accepts([] { throw std::invalid_argument(std::string(5000, 'x')); }), fuzz::Finding);
}

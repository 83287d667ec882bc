#include "replay/replay.h"
#include "tests/test_engine.h"

/// Every environment's drawing can be shown as a replay page.
namespace flockstep {
namespace {

bool is_finite(ReplayPoint p) { return p.x - p.x == 0.0f && p.y - p.y == 0.0f; }
}  // namespace

TEST_CASE("every environment of the product: has a drawing, and every case of it becomes a page") {
    for (const EngineCase& c : engine_cases()) {
        const EnvironmentEntry& entry = full_registry().find(c.environment);
        if (entry.is_test) continue;
        DYNAMIC_SECTION(c.name) {
            REQUIRE(entry.info.draw);
            BatchOptions options = some_envs(3);
            options.autoreset_mode = AutoresetMode::disabled;
            const auto batch = make(c, options);
            Replay first, second;  // of two worlds
            for (int step = 0; step <= 5; ++step) {
                entry.info.draw(*batch, 0, first);
                entry.info.draw(*batch, 2, second);
                play(*batch, 1);
            }
            CHECK(first.frames.size() == 6);
            CHECK(first.entities.size() >= size_t(batch->num_agents()));
            CHECK(is_finite(first.frames.back().position.at(0)));
            const std::string page = render_replay(first);
            CHECK(page.find("</html>") != std::string::npos);
            CHECK(page != render_replay(second));
        }
    }
}

}  // namespace flockstep

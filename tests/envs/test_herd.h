#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Herd: a dog drives sheep along a line of pens and out at its end. Shows all kinds of streamed observations: two
/// roles, bytes and floats in rows of odd sizes, constant columns, action masks, bulk scratch that `prepare` fills.
struct Herd {
    static constexpr const char* summary = "a dog and sheep, with streamed observations of bytes and floats";
    static constexpr int pens = 40;
    struct Config {
        int max_episode_steps = 60, num_sheep = 7, num_marks = 5;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_sheep", num_sheep, between(1, 1000), "sheep; the dog is one more agent");
            f("num_marks", num_marks, between(1, 10000), "rows of the observation part marks");
        }
    };
    struct State {
        Field<int16_t> pen;  // [1 + num_sheep] of the dog, then of the sheep; pens - 1 is the exit
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("pen", pen, 1 + c.num_sheep).between(0, pens - 1);
        }
    };
    struct Scratch {
        Bulk<int32_t> crowd;  // [pens] number of sheep in each
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("crowd", crowd, pens);
        }
    };

    static constexpr Observation<"marks", uint8_t> marks{};
    static constexpr Observation<"nearby", int8_t> nearby{};
    static constexpr Observation<"track", float> track{};
    static constexpr Discrete<"move"> move{};
    static constexpr auto tensors = tensor_list(marks, nearby, track, move);
    static constexpr RandomStream<"pen", Purpose::reset, Draws{0, 1}> first_pen{};
    static constexpr auto random_streams = random_stream_list(first_pen);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("dog", 1).observation(nearby, {5, 3}, {-100}, {100}).observation(track, {11}).discrete(move, 3);
        spaces.add("sheep", c.num_sheep)
            .observation(marks, {c.num_marks, 3})
            .observation(nearby, {7}, {-100}, {100})
            .observation(track, {c.num_marks, 5})
            .discrete(move, 3);
        return spaces;
    }
    SIM_HD static bool active(const World<Herd>& w, int agent) { return agent == 0 || w.state.pen[agent] < pens - 1; }
    SIM_HD static bool allowed(const World<Herd>& w, int agent, Discrete<"move">, int choice) {
        return choice == 0 || (choice == 1 ? w.state.pen[agent] < pens - 1 : w.state.pen[agent] > 0);
    }

    template <class Group>
    SIM_HD static void reset(Group& group, World<Herd>& w) {
        group.for_each(1 + w.config.num_sheep, [&](int agent) {  // some sheep are away from the start
            const int pen = agent == 0 ? 0 : pens - 6 + w.rng.below(first_pen, agent, 0, 6);
            w.state.pen[agent] = int16_t(pen);
        });
    }
    template <class Group>
    SIM_HD static void prepare(Group& group, World<Herd>& w) {
        group.for_each(pens, [&](int pen) { w.scratch.crowd[pen] = 0; });
        group.sync();
        group.for_each(w.config.num_sheep, [&](int i) { group.atomic_add(w.scratch.crowd[w.state.pen[1 + i]], 1); });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Herd>& w, const Actions<Herd>& action, const Outcome<Herd>& outcome) {
        group.for_each(1 + w.config.num_sheep, [&](int agent) {
            const bool was_there = active(w, agent);
            const int choice = action.choice(move, agent), pen = w.state.pen[agent];
            if (was_there) w.state.pen[agent] = int16_t(pen + (choice == 1 ? 1 : choice == 2 ? -1 : 0));
            outcome.terminated(agent) = agent > 0 && !active(w, agent);
            outcome.reward(agent) = agent > 0 && was_there && !active(w, agent) ? 1.0f : 0.0f;
        });
    }
    template <class Team>
    SIM_HD static void observe_agent(Team& team, const World<Herd>& w, int agent, const RowWriter<Herd>& out) {
        const int pen = w.state.pen[agent], most = w.config.num_marks;
        const auto crowd = [&](int at) { return at < 0 || at >= pens ? -1 : w.scratch.crowd[at] % 100; };
        out.rows(team, marks, 1 + (pen + agent) % most,
                 [&](uint8_t* row, int k) { row[0] = uint8_t(k), row[1] = uint8_t(pen * 5 + k), row[2] = 255; });
        out.rows(team, nearby, out.role() == 0 ? 4 : 1, [&](int8_t* row, int k) {
            for (int i = 0; i < (out.role() == 0 ? 3 : 7); ++i) row[i] = int8_t(crowd(pen + 3 * k + i - 3));
        });
        const int size = out.role() == 0 ? 11 : 5;
        out.rows(
            team, track, out.role() == 0 ? 1 : (pen + agent) % (most + 1), [](float* row) { row[0] = 0.5f; },
            [&](float* row, int k) {
                for (int i = 1; i < size; ++i) row[i] = float(pen) / float(1 + i + k);
            });
    }
};
}  // namespace flockstep

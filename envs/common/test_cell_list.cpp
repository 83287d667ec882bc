#include <algorithm>
#include <vector>

#include "envs/common/cell_list.h"
#include "sim/contract/group.h"
#include "sim/contract/random.h"
#include "tests/catch.h"

/// The lists against brute force, and equal results for every group.
namespace flockstep {
namespace {

/// A list with its own memory, initially garbage like Scratch.
struct OwnedList {
    std::vector<int32_t> end, item, chunk;
    CellList<> list;
    OwnedList(int cells, int things) {
        const auto own = [](std::vector<int32_t>& memory, int count) {
            memory.assign(size_t(std::max(count, 1)), -77);
            return Field<int32_t>{memory.data(), 1};
        };
        list = {own(end, cells), own(item, things), own(chunk, CellList<>::num_chunks)};
    }
};

struct Things {
    CellGrid grid = covering({0, 0}, {20, 10}, 1.5f);
    std::vector<Vec2> place;
    explicit Things(int n) {
        for (int i = 0; i < n; ++i) {
            const Rng rng{5, 0, 0, 0, Purpose::step};
            // A third of them close together, some outside the grid.
            const float size = i % 3 ? 1.0f : 0.1f;
            place.push_back({rng.uniform(i, 0, -1, 22) * size, rng.uniform(i, 1, -1, 11) * size});
        }
    }
    int count() const { return int(place.size()); }
    int cell_of(int i) const { return i % 5 == 4 ? -1 : grid.cell_of(place[size_t(i)]); }
    template <class Group>
    void fill(Group& group, const CellList<>& list) const {
        fill_cell_list(group, list, grid.cells(), count(), [&](int i) { return cell_of(i); });
    }
};

}  // namespace

TEST_CASE("cell list: a cell lists its things in ascending order, and things without a cell are in no list") {
    for (int n : {0, 1, 2, 50, 1000}) {
        INFO("things " << n);
        const Things things(n);
        OwnedList own(things.grid.cells(), n);
        HostGroup group;
        things.fill(group, own.list);
        int wrong = 0;
        for (int cell = 0; cell < things.grid.cells(); ++cell) {
            std::vector<int> wanted, held;
            for (int i = 0; i < n; ++i)
                if (things.cell_of(i) == cell) wanted.push_back(i);
            for_each_in_cells(own.list, cell, cell, [&](int i) { held.push_back(i); });
            wrong += held != wanted;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("cell list: results do not depend on lanes or their order") {
    const Things things(1000);
    OwnedList wanted(things.grid.cells(), 1000);
    HostGroup host;
    things.fill(host, wanted.list);
    for (int order : {-1, 3, 7, 31}) {
        OwnedList own(things.grid.cells(), 1000);
        ReorderedHostGroup group(order);
        things.fill(group, own.list);
        CHECK(own.end == wanted.end);
        CHECK(own.item == wanted.item);
    }
    for (int threads : {2, 3, 5}) {
        OwnedList own(things.grid.cells(), 1000);
        HostTeamGroup::Exchange exchange;
#pragma omp parallel num_threads(threads)
        {
            HostTeamGroup group(exchange);
            things.fill(group, own.list);
        }
        CHECK(own.end == wanted.end);
        CHECK(own.item == wanted.item);
    }
}

TEST_CASE("cell list: works with a single cell and with sizes that chunks do not divide") {
    for (int cells : {1, 63, 64, 65, 1000}) {
        OwnedList own(cells, 300);
        ReorderedHostGroup group(-1);
        fill_cell_list(group, own.list, cells, 300, [&](int i) { return i * 7 % cells; });
        int next = 0, wrong = 0;
        for (int cell = 0; cell < cells; ++cell)
            for_each_in_cells(own.list, cell, cell, [&](int i) { ++next, wrong += i * 7 % cells != cell; });
        CHECK(wrong == 0);
        CHECK(next == 300);
    }
}

TEST_CASE("cell list: the window around a thing contains all its neighbors, each once") {
    const Things things(600);
    OwnedList own(things.grid.cells(), 600);
    HostGroup group;
    things.fill(group, own.list);
    for (float radius : {0.0f, 0.7f, 3.0f, 30.0f}) {
        INFO("radius " << radius);
        int wrong = 0;
        for (int i = 0; i < 600; ++i) {
            const Vec2 place = things.place[size_t(i)];
            const auto is_near = [&](int j) {
                return squared_length(things.place[size_t(j)] - place) <= radius * radius;
            };
            std::vector<int> wanted, seen;
            for (int j = 0; j < 600; ++j)
                if (things.cell_of(j) >= 0 && is_near(j)) wanted.push_back(j);
            for_each_in_window(own.list, window_around(things.grid, place, radius), [&](int j) {
                if (is_near(j)) seen.push_back(j);
            });
            std::sort(seen.begin(), seen.end());
            wrong += seen != wanted;
        }
        CHECK(wrong == 0);
    }
}

}  // namespace flockstep

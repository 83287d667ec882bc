#include <vector>

#include "envs/common/components.h"
#include "sim/contract/group.h"
#include "sim/contract/random.h"
#include "tests/catch.h"

namespace flockstep {
namespace {

struct Maze {
    int width, height;
    std::vector<uint8_t> wall;
    Maze(int width, int height, float density) : width(width), height(height), wall(size_t(width) * height) {
        for (size_t cell = 0; cell < wall.size(); ++cell)
            wall[cell] = Rng{7, 0, 0, 0, Purpose::step}.uniform(uint32_t(cell), uint32_t(width)) < density;
    }
    int cells() const { return width * height; }
};

/// Labels by flood fill from each cell in turn.
std::vector<int> flood(const Maze& maze) {
    std::vector<int> label(size_t(maze.cells()), -1), open;
    for (int first = 0; first < maze.cells(); ++first) {
        const auto reach = [&](int cell) {
            if (maze.wall[size_t(cell)] || label[size_t(cell)] >= 0) return;
            label[size_t(cell)] = first;
            open.push_back(cell);
        };
        reach(first);
        while (!open.empty()) {
            const int cell = open.back(), column = cell % maze.width;
            open.pop_back();
            if (column > 0) reach(cell - 1);
            if (column + 1 < maze.width) reach(cell + 1);
            if (cell >= maze.width) reach(cell - maze.width);
            if (cell + maze.width < maze.cells()) reach(cell + maze.width);
        }
    }
    return label;
}

/// The result of a group: labels, sizes, the label of the largest component.
struct Found {
    std::vector<int> label, size;
    int largest = -2;
    template <class Group>
    void find(Group& group, const Maze& maze) {
        label_components(
            group, maze.width, maze.height, [&](int cell) { return !maze.wall[size_t(cell)]; }, label.data());
        count_components(group, maze.cells(), label.data(), size.data());
        const int name = largest_component(group, maze.cells(), size.data());
        group.single([&] { largest = name; });
    }
    explicit Found(const Maze& maze) : label(size_t(maze.cells()), -5), size(size_t(maze.cells()), -5) {}
};

}  // namespace

TEST_CASE("components: labels, sizes and the largest are those of a flood fill, for every group") {
    for (const auto& [width, height, density] : {std::tuple{1, 1, 0.0f},
                                                 {1, 1, 1.0f},
                                                 {40, 1, 0.2f},
                                                 {1, 40, 0.2f},
                                                 {33, 17, 0.4f},
                                                 {33, 17, 0.45f},
                                                 {64, 64, 0.5f},
                                                 {20, 20, 1.0f}}) {
        INFO(width << "x" << height << ", walls " << density);
        const Maze maze(width, height, density);
        const std::vector<int> label = flood(maze);
        std::vector<int> size(label.size(), 0);
        for (int name : label)
            if (name >= 0) ++size[size_t(name)];
        int largest = -1;
        for (int name = 0; name < maze.cells(); ++name)
            if (size[size_t(name)] > (largest < 0 ? 0 : size[size_t(largest)])) largest = name;
        const auto check = [&](const Found& found) {
            CHECK(found.label == label);
            CHECK(found.size == size);
            CHECK(found.largest == largest);
        };
        for (int order : {-1, 3, 7}) {
            Found found(maze);
            ReorderedHostGroup group(order);
            found.find(group, maze);
            check(found);
        }
        Found found(maze);
        HostTeamGroup::Exchange exchange;
#pragma omp parallel num_threads(3)
        {
            HostTeamGroup group(exchange);
            found.find(group, maze);
        }
        check(found);
    }
}

}  // namespace flockstep

#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "sim/contract/hd.h"
#include "sim/contract/space.h"
#include "sim/contract/tensors.h"

/// The outputs of a step other than observations and masks: a table of rows, the engine's six and the environment's
/// own. All code that writes, copies, names or binds outputs uses this table.
///
///   int bytes = 0;  // written by a step for a world of `agents` agents
///   for (const RowInfo& row : RowTable<Env>::rows) bytes += row.bytes() * (row.is_per_agent() ? agents : 1);
namespace flockstep {

/// The rows of every environment, each with one number per agent: reward is float32, the others uint8.
enum BuiltInRow {
    reward_row,
    terminated_row,
    truncated_row,
    active_row,
    acts_row,
    episode_start_row,
    num_built_in_rows
};
/// Indexed by BuiltInRow.
inline constexpr const char* built_in_row_names[] = {"reward", "terminated", "truncated",
                                                     "active", "acts",       "episode_start"};
/// Maximum number of rows: making a batch of an environment with more than 10 own outputs throws std::logic_error.
inline constexpr int max_rows = num_built_in_rows + 10;

/// One row of the table.
struct RowInfo {
    const char* name;
    TensorKind kind;  // per_agent, per_env or per_episode
    DType dtype;
    int size;    // numbers per agent or world
    int offset;  // staging layout: bytes per agent (or per world) of the preceding rows

    /// Whether it has numbers per agent rather than per world; and the bytes of those numbers, as stored.
    constexpr bool is_per_agent() const { return kind == TensorKind::per_agent; }
    constexpr int bytes() const { return size * size_of(dtype); }
};

/// The rows of an environment and their staging layout: first the rows of agents, then the rows of worlds; four-byte
/// rows come first, so that all are aligned. All of it is known at compile time.
template <class Env>
struct RowTable {
    /// Number of the environment's own rows, and of all rows, built-in ones first.
    static constexpr int num_own = TensorsOf<Env>::num_outputs, count = num_built_in_rows + num_own;

    /// Builds the table: rows in the order of BuiltInRow, then of `tensors`, with their staging offsets.
    static constexpr std::array<RowInfo, count> make() {
        std::array<RowInfo, count> table{};
        for (int row = 0; row < num_built_in_rows; ++row)
            table[row] = {built_in_row_names[row], TensorKind::per_agent,
                          row == reward_row ? DType::float32 : DType::uint8, 1, 0};
        int next = num_built_in_rows;
        TensorsOf<Env>::for_each([&](auto handle) {
            using H = decltype(handle);
            if constexpr (is_output<H>) table[next++] = {H::name, H::kind, dtype_of<typename H::type>(), H::size, 0};
        });
        int agent_bytes = 0, env_bytes = 0;
        for (int width : {4, 1})
            for (RowInfo& row : table) {
                if (size_of(row.dtype) != width) continue;
                int& bytes = row.is_per_agent() ? agent_bytes : env_bytes;
                row.offset = bytes, bytes += row.bytes();
            }
        return table;
    }
    /// Indexed by row number.
    static constexpr std::array<RowInfo, count> rows = make();
    /// Staged bytes per agent, or per world (without its agents).
    static constexpr int bytes_of(bool per_agent) {
        int bytes = 0;
        for (const RowInfo& row : rows) bytes += row.is_per_agent() == per_agent ? row.bytes() : 0;
        return bytes;
    }
    /// Results of bytes_of().
    static constexpr int agent_bytes = bytes_of(true), env_bytes = bytes_of(false);
    /// How many numbers of a kind are accumulated over an episode (per_agent: per role, without the reward; per_env),
    /// or kept from an episode's last step (per_episode).
    static constexpr int sums_of(TensorKind kind) {
        int sums = 0;
        for (int row = num_built_in_rows; row < count; ++row) sums += rows[row].kind == kind ? rows[row].size : 0;
        return sums;
    }
    /// Results of sums_of(): PerAgent, PerEnv, PerEpisode.
    static constexpr int agent_sums = sums_of(TensorKind::per_agent), env_sums = sums_of(TensorKind::per_env),
                         num_results = sums_of(TensorKind::per_episode);

    /// Calls f(constant) with the number of each row as a constant expression.
    template <class F>
    SIM_HD static constexpr void for_each(F&& f) {
        [&]<int... row>(std::integer_sequence<int, row...>) { (f(std::integral_constant<int, row>{}), ...); }
        (std::make_integer_sequence<int, count>{});
    }
};
/// The C++ type of a row's numbers: float, int32_t or uint8_t.
template <DType dtype>
using NumberOf =
    std::conditional_t<dtype == DType::float32, float, std::conditional_t<dtype == DType::int32, int32_t, uint8_t>>;

/// Pointers to the rows of one world: the contiguous numbers of its agents, or of the world. They may point to shared
/// memory, the output tensors or registers; indices are not checked.
template <class Env>
struct RowPointers {
    using Table = RowTable<Env>;  /// describes each row
    char* row[Table::count];

    /// An agent's reward.
    SIM_HD float& reward(int agent) const { return reinterpret_cast<float*>(row[reward_row])[agent]; }
    /// An agent's flag, 0 or 1, of a built-in row other than the reward.
    template <BuiltInRow which>
    SIM_HD uint8_t& flag(int agent) const {
        static_assert(which != reward_row);
        return reinterpret_cast<uint8_t*>(row[which])[agent];
    }
    /// Number i of row `which`, in its storage type.
    template <int which>
    SIM_HD auto& number(int i) const {
        return reinterpret_cast<NumberOf<Table::rows[which].dtype>*>(row[which])[i];
    }
    /// Redirects the rows to the output tensors, for world `env` of worlds with `agents` agents; rows without an output
    /// keep their pointers.
    SIM_HD void write_to(char* const* outputs, int64_t env, int agents) {
        Table::for_each([&](auto which) {
            constexpr RowInfo info = Table::rows[which];
            if (!outputs[which]) return;
            row[which] = outputs[which] + env * info.bytes() * (info.is_per_agent() ? agents : 1);
        });
    }
    /// Pointers to the staged rows of world `slot` among `worlds` worlds of `agents` agents.
    SIM_HD static RowPointers staged(char* agent_rows, char* env_rows, int worlds, int agents, int slot) {
        RowPointers rows;
        Table::for_each([&](auto which) {
            constexpr RowInfo info = Table::rows[which];
            rows.row[which] = info.is_per_agent() ? agent_rows + (info.offset * worlds + info.bytes() * slot) * agents
                                                  : env_rows + info.offset * worlds + info.bytes() * slot;
        });
        return rows;
    }
};

}  // namespace flockstep

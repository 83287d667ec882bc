#pragma once

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/space.h"
#include "trainer/config.h"

namespace flockstep {

class Batch;

/// "discrete", "multi_discrete" or "box", as checkpoints and Python say it.
inline constexpr const char* kind_names[] = {"discrete", "multi_discrete", "box"};

/// What one policy sees and chooses, and whom it acts for: all that it needs to know about an environment. Comes from a
/// batch or from a checkpoint.
struct PolicySpec {
    /// An observation part. Names are those of the role: without the prefix that tensors of several roles have.
    struct Part {
        std::string name;
        DType dtype = DType::float32;
        std::vector<int> shape;  // of one agent
        float scale = 1;         // the network's input is number * scale, so that integers map to -1 .. 1
        int num_flags = 0;       // > 0: the lowest num_flags bits of each number become inputs of their own, 0 or 1
        int elements() const { return std::accumulate(shape.begin(), shape.end(), 1, std::multiplies<int>()); }
        int planes() const { return num_flags ? num_flags : 1; }  // input columns per element
        bool operator==(const Part&) const = default;
    };
    /// An action part.
    struct Action {
        std::string name;
        ActionPart::Kind kind = ActionPart::Kind::discrete;
        std::vector<int> n;            // choices of each integer; empty for a Box
        std::vector<float> low, high;  // bounds of each float of a Box
        bool has_mask = false;         // choices can be illegal
        const char* kind_name() const { return kind_names[int(kind)]; }
        bool is_box() const { return kind == ActionPart::Kind::box; }
        int size() const { return int(is_box() ? low.size() : n.size()); }      // integers or floats
        int choices() const { return std::accumulate(n.begin(), n.end(), 0); }  // of all integers: columns of its mask
        bool operator==(const Action&) const = default;
    };
    /// The agents of one role that it acts for, as indices within the role, ascending; empty: all of them.
    struct Members {
        std::string role;
        std::vector<int> agents;
        bool operator==(const Members&) const = default;
    };

    /// A part of what the critic alone sees; its name is the tensor's.
    struct CriticPart {
        Part part;
        bool of_world = false;                // one row for each world, otherwise one for each agent
        int first_agent = 0, num_agents = 0;  // > 0: observations of these agents of the world, side by side
    };

    std::string name;
    std::vector<Members> members;
    std::vector<Part> parts;
    std::vector<Action> actions;
    std::vector<CriticPart> critic_parts = {};  // empty: the critic sees what the actor sees
    int num_identities = 0;  // > 0: the critic is also told which of so many agents of the world it judges
    bool sees_and_chooses_like(const PolicySpec& other) const {
        return parts == other.parts && actions == other.actions;
    }
};

/// Agents [first, first + count) of every world.
struct RoleRange {
    std::string name;
    int first = 0, count = 0;
};
std::vector<RoleRange> role_ranges(const Batch& batch);

/// A role's name of a tensor: "role.part" if there are several roles.
std::string tensor_name(const std::vector<RoleRange>& roles, const std::string& role, const std::string& part);
/// The name of the mask of a role's action part.
std::string mask_tensor(const std::vector<RoleRange>& roles, const std::string& role, const PolicySpec& spec,
                        size_t action);

/// The policies of a batch, one for each group. config.groups: empty for one per role, named like it; "agent" for one
/// per agent; otherwise items "name=members", where members are roles, ranges of a role's agents or of the world's
/// agents, joined by "+": "both=keeper+boat", "left=boat[0-1]", "team=0-2+5". Throws std::invalid_argument unless every
/// agent has exactly one policy, all members of a policy see and choose alike, the networks can represent what they
/// see, the environment has what the critics are to see (critic_input of the run or the group), and each group with
/// settings of its own is there.
std::vector<PolicySpec> policy_specs(const Batch& batch, const TrainConfig& config = {});

}  // namespace flockstep

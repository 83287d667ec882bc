#include "trainer/data/groups.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

#include "io/quote.h"

namespace flockstep {

namespace {
std::optional<int> to_int(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

/// "3" or "0-2" as first and last; nothing if it is neither.
std::optional<std::pair<int, int>> to_range(std::string_view text) {
    const size_t dash = text.find('-');
    const auto first = to_int(text.substr(0, dash)), last = dash == text.npos ? first : to_int(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return std::pair{*first, *last};
}

/// Reads the setting `groups`.
class GroupReader {
  public:
    explicit GroupReader(const std::vector<RoleRange>& roles) : roles_(roles) {
        num_agents_ = roles.back().first + roles.back().count;
    }
    /// Name and the world's agents of each group.
    struct Named {
        std::string name;
        std::vector<int> agents;
    };
    std::vector<Named> read(const StringList& groups) const {
        std::vector<Named> list;
        for (const std::string& item : groups) list.push_back(read_item(item));
        check_partition(list);
        return list;
    }
    std::vector<Named> one_per_agent() const {
        std::vector<Named> list;
        for (const RoleRange& role : roles_)
            for (int i = 0; i < role.count; ++i)
                list.push_back({role.count == 1 ? role.name : role.name + "_" + std::to_string(i), {role.first + i}});
        return list;
    }

  private:
    [[noreturn]] void refuse(const std::string& got, const std::string& want) const {
        throw std::invalid_argument("groups: got " + in_quotes(got) + ", want " + want);
    }
    Named read_item(const std::string& item) const {
        const size_t equals = item.find('=');
        if (equals == item.npos || equals == 0)
            refuse(item, "agent, or items NAME=MEMBERS: roles, or ranges such as 0-2, joined by +");
        Named group{item.substr(0, equals), {}};
        if (group.name.find_first_of(".[]") != std::string::npos) refuse(item, "a name without dots and brackets");
        for (size_t at = equals; at < item.size(); at = std::min(item.find('+', at + 1), item.size())) {
            const size_t end = std::min(item.find('+', at + 1), item.size());
            add_members(item.substr(at + 1, end - at - 1), item, group.agents);
        }
        std::sort(group.agents.begin(), group.agents.end());
        return group;
    }
    void add_members(const std::string& text, const std::string& item, std::vector<int>& agents) const {
        const size_t bracket = text.find('[');
        int first = 0, count = num_agents_;
        std::optional<std::pair<int, int>> range = to_range(text);
        if (!range) {
            const auto role = std::find_if(roles_.begin(), roles_.end(),
                                           [&](const RoleRange& each) { return each.name == text.substr(0, bracket); });
            if (role == roles_.end())
                refuse(item, "roles (" + role_names() + ") or agents from 0 to " + std::to_string(num_agents_ - 1) +
                                 " such as 0-2, joined by +");
            first = role->first, count = role->count;
            range = bracket == text.npos || text.back() != ']'
                        ? std::pair{0, count - 1}
                        : to_range(std::string_view(text).substr(bracket + 1, text.size() - bracket - 2));
            if (bracket != text.npos && text.back() != ']') range.reset();
        }
        if (!range || range->first < 0 || range->second >= count)
            refuse(item, "agents from 0 to " + std::to_string(count - 1));
        for (int i = range->first; i <= range->second; ++i) agents.push_back(first + i);
    }
    std::string role_names() const {
        std::string text;
        for (const RoleRange& role : roles_) text += (text.empty() ? "" : ", ") + role.name;
        return text;
    }
    void check_partition(const std::vector<Named>& list) const {
        std::vector<int> times(size_t(num_agents_), 0);
        for (size_t g = 0; g < list.size(); ++g) {
            for (size_t other = 0; other < g; ++other)
                if (list[other].name == list[g].name) refuse(list[g].name, "a name for each group that no other has");
            for (int agent : list[g].agents) ++times[size_t(agent)];
        }
        for (int agent = 0; agent < num_agents_; ++agent)
            if (times[size_t(agent)] != 1)
                throw std::invalid_argument("groups: agent " + std::to_string(agent) + " is in " +
                                            std::to_string(times[size_t(agent)]) +
                                            " of them, want every agent in exactly one");
    }
    const std::vector<RoleRange>& roles_;
    int num_agents_ = 0;
};

/// The agents of a world, divided by role.
std::vector<PolicySpec::Members> members_of(const std::vector<int>& agents, const std::vector<RoleRange>& roles) {
    std::vector<PolicySpec::Members> members;
    for (const RoleRange& role : roles) {
        std::vector<int> own;
        for (int agent : agents)
            if (agent >= role.first && agent < role.first + role.count) own.push_back(agent - role.first);
        if (own.empty()) continue;
        if (int(own.size()) == role.count) own.clear();
        members.push_back({role.name, own});
    }
    return members;
}
}  // namespace

std::vector<PolicySpec> group_specs(const StringList& groups, const std::vector<PolicySpec>& by_role,
                                    const std::vector<RoleRange>& roles) {
    const GroupReader reader(roles);
    const bool by_agent = groups.size() == 1 && groups[0] == "agent";
    std::vector<PolicySpec> specs;
    for (const GroupReader::Named& group : by_agent ? reader.one_per_agent() : reader.read(groups)) {
        PolicySpec spec;
        for (const PolicySpec::Members& member : members_of(group.agents, roles)) {
            const auto role = std::find_if(by_role.begin(), by_role.end(),
                                           [&](const PolicySpec& each) { return each.name == member.role; });
            if (spec.members.empty()) spec = *role, spec.name = group.name, spec.members.clear();
            if (!spec.sees_and_chooses_like(*role))
                throw std::invalid_argument("groups: " + group.name + " has the roles " + spec.members[0].role +
                                            " and " + member.role +
                                            ", which differ in their observations or actions; want one for each");
            spec.members.push_back(member);
        }
        specs.push_back(std::move(spec));
    }
    return specs;
}

}  // namespace flockstep

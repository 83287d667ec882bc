#include "trainer/run/policy_actor.h"

#include <algorithm>
#include <stdexcept>

namespace flockstep {

PolicyActor::PolicyActor(const TrainedNetwork& trained, const std::vector<ActorRole>& roles, int64_t num_envs)
    : trained_(trained) {
    int64_t rows = 0;
    for (const PolicySpec::Members& members : spec().members) add_member(members, roles, num_envs);
    for (const Member& member : members_) rows = std::max<int64_t>(rows, member.inputs.actor.rows.size);
    engine_ = make_torch_engine(trained.network(), trained.weights(), trained.config(), rows, 0);
}

void PolicyActor::add_member(const PolicySpec::Members& members, const std::vector<ActorRole>& roles,
                             int64_t num_envs) {
    const auto role = std::find_if(roles.begin(), roles.end(),
                                   [&](const ActorRole& each) { return each.range.name == members.role; });
    const RoleRange& range = role->range;
    const int num_agents = roles.back().range.first + roles.back().range.count;
    std::vector<int> agents = members.agents;
    for (int i = 0; members.agents.empty() && i < range.count; ++i) agents.push_back(i);
    if (agents.back() >= range.count)
        throw std::invalid_argument("policy " + spec().name + ": it acts for agent " + std::to_string(agents.back()) +
                                    " of role " + range.name + ", which has " + std::to_string(range.count) +
                                    " agents here");
    std::vector<int32_t> cells, source_rows;
    for (int64_t env = 0; env < num_envs; ++env)
        for (int agent : agents) {
            cells.push_back(int32_t(env * num_agents + range.first + agent));
            source_rows.push_back(int32_t(env * range.count + agent));
        }
    Member& member = members_.emplace_back(Member{size_t(role - roles.begin()),
                                                  {trained_.input(), {}},
                                                  trained_.head(),
                                                  std::vector<DistributionColumns>(spec().actions.size())});
    RowSet& rows = member.inputs.actor.rows;
    rows.size = int64_t(cells.size()), rows.num_agents = num_agents, rows.slot_rows = num_envs * num_agents;
    if (int(agents.size()) != num_agents) rows.cell = upload(cells);
    if (int(agents.size()) != range.count) rows.source = upload(source_rows);
    for (int p = 0; p < member.inputs.actor.num_parts; ++p)
        member.inputs.actor.parts[p].dtype = role->dtypes[size_t(member.inputs.actor.parts[p].source)];
}

int32_t* PolicyActor::upload(const std::vector<int32_t>& list) {
    void* const data = buffers_.emplace_back(trained_.memory(), list.size() * 4, "rows").data();
    trained_.memory().from_host(data, list.data(), list.size() * 4);
    return static_cast<int32_t*>(data);
}

PolicyActor::Member* PolicyActor::find(size_t role) {
    for (Member& member : members_)
        if (member.role == role) return &member;
    return nullptr;
}
void PolicyActor::bind_observation(size_t role, size_t p, const void* data) {
    Member* const member = find(role);
    for (int i = 0; member && i < member->inputs.actor.num_parts; ++i)
        if (member->inputs.actor.parts[i].source == int(p)) member->inputs.actor.parts[i].data = data;
}
void PolicyActor::bind_action(size_t role, size_t a, void* data, bool by_cell) {
    if (Member* const member = find(role))
        member->head.actions[a].action = data, member->head.actions[a].by_cell = by_cell;
}
void PolicyActor::bind_mask(size_t role, size_t a, const uint8_t* mask) {
    if (Member* const member = find(role)) member->head.actions[a].mask = mask;
}

void PolicyActor::bind_distribution(size_t role, size_t a, const DistributionColumns& columns) {
    if (Member* const member = find(role)) member->distributions[a] = columns;
}

void PolicyActor::act(const ExecutionContext& context, const Draw& draw) {
    for (const Member& member : members_) {
        SampleActions sample{};
        sample.rows = member.inputs.actor.rows, sample.head = member.head, sample.deterministic = draw.deterministic;
        sample.seed = draw.seed, sample.first_env = draw.first_env, sample.counter_offset = draw.counter;
        sample.keeps_overshoot = draw.keeps_overshoot, sample.log_prob = draw.log_prob;
        engine_->act(context, member.inputs, {0, sample.rows.size}, sample);
    }
}

void PolicyActor::describe(const ExecutionContext& context, const Wanted& wanted) {
    for (const Member& member : members_) {
        DescribeActions describe{};
        describe.rows = member.inputs.actor.rows, describe.head = member.head,
        describe.wants_parts = wanted.distributions;
        for (size_t a = 0; wanted.distributions && a < member.distributions.size(); ++a)
            describe.parts[a] = member.distributions[a];
        describe.log_prob = wanted.log_prob, describe.entropy = wanted.entropy, describe.value = wanted.value;
        describe.value_norm = trained_.value_norm();
        engine_->describe(context, member.inputs, {0, describe.rows.size}, describe);
    }
}

void check_roles(const CheckpointInfo& info, const Archive& archive, const std::vector<PolicySpec>& here) {
    if (here.size() != info.roles.size())
        throw std::invalid_argument(archive.place() + "it has policies for " + std::to_string(info.roles.size()) +
                                    " roles, the environment has " + std::to_string(here.size()));
    for (size_t r = 0; r < here.size(); ++r) {
        const PolicySpec& want = here[r];
        const auto differs = [&](const std::string& what) {
            throw std::invalid_argument(archive.place() + "its role " + info.roles[r].name + " and the environment's " +
                                        want.name + " differ in " + what);
        };
        if (info.roles[r].name != want.name) differs("name");
        for (const PolicySpec& got : info.policies) {
            if (std::none_of(got.members.begin(), got.members.end(),
                             [&](const PolicySpec::Members& members) { return members.role == want.name; }))
                continue;
            if (got.actions.size() != want.actions.size()) differs("the number of action parts");
            for (size_t a = 0; a < want.actions.size(); ++a) {
                const PolicySpec::Action &mine = got.actions[a], &its = want.actions[a];
                if (mine.kind == its.kind && mine.n.size() == 1 && its.n.size() == 1 && mine.n != its.n)
                    differs("the number of actions: " + std::to_string(mine.n[0]) + " and " + std::to_string(its.n[0]));
                if (mine.name != its.name || mine.kind != its.kind || mine.n != its.n ||
                    mine.low.size() != its.low.size())
                    differs("name or kind of the action part " + its.name);
            }
            if (got.parts.size() != want.parts.size()) differs("the number of observation parts");
            for (size_t p = 0; p < want.parts.size(); ++p)
                if (got.parts[p].name != want.parts[p].name || got.parts[p].shape != want.parts[p].shape)
                    differs("name or shape of the observation part " + want.parts[p].name);
        }
    }
}

}  // namespace flockstep

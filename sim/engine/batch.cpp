#include "sim/engine/batch.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace flockstep {

int64_t Tensor::count() const {
    int64_t product = 1;
    for (int64_t n : shape) product *= n;
    return product;
}

Batch::Batch(std::string environment, const BatchOptions& options, Spaces spaces, std::unique_ptr<Memory> memory)
    : environment_(std::move(environment)),
      options_(options),
      all_spaces_(std::move(spaces)),
      memory_(std::move(memory)) {
    if (options_.num_envs < 1 || options_.num_envs > std::numeric_limits<int32_t>::max())
        throw std::invalid_argument("num_envs: got " + std::to_string(options_.num_envs) +
                                    ", want an integer from 1 to 2147483647");
    assign_policies();
}

/// Assigns scripted policies to roles; spaces_ keeps only the roles that learn.
void Batch::assign_policies() {
    std::string known;
    for (const Role& role : all_spaces_.roles) known += (known.empty() ? "" : ", ") + role.name;
    for (const auto& [name, policy] : options_.scripted) {
        const auto role = std::find_if(all_spaces_.roles.begin(), all_spaces_.roles.end(),
                                       [&name = name](const Role& each) { return each.name == name; });
        if (role == all_spaces_.roles.end())
            throw std::invalid_argument("scripted: got role " + in_quotes(name) + ", want one of: " + known);
        role->policy = policy == "none" ? "" : policy;
    }
    spaces_ = all_spaces_;
    std::erase_if(spaces_.roles, [](const Role& role) { return !role.learns(); });
    if (spaces_.roles.empty()) throw std::invalid_argument("scripted: got every role, want one that learns");
    first_learner_ = spaces_.roles[0].first;
    int next = first_learner_;
    for (Role& role : spaces_.roles) {
        if (role.first != next)
            throw std::invalid_argument("scripted: got a role in front of " + role.name +
                                        ", want roles that learn side by side; the environment's order is: " + known);
        next += role.count;
        role.first -= first_learner_;
        for (const ObservationPart& part : role.observation_parts)
            if (part.is_state) role.state_parts.push_back(part);
        std::erase_if(role.observation_parts, [](const ObservationPart& part) { return part.is_state; });
    }
}
Batch::~Batch() = default;

void* Batch::allocate(int64_t bytes, const std::string& what) {
    buffers_.emplace_back(*memory_, size_t(std::max<int64_t>(bytes, 1)), what);
    return buffers_.back().data();
}

int Batch::find_policy(const std::string& name) const {
    if (name == "random") return -1;
    const auto found = std::find(policies_.begin(), policies_.end(), name);
    if (found != policies_.end()) {
        const size_t policy = size_t(found - policies_.begin());
        if (policy_errors_[policy].empty()) return int(policy);
        throw std::invalid_argument("policy: got " + in_quotes(name) + ", but " + policy_errors_[policy]);
    }
    std::string known = "random";
    for (const std::string& policy : policies_) known += ", " + policy;
    throw std::invalid_argument("policy: got " + in_quotes(name) + ", want one of: " + known);
}

void Batch::reset(uint64_t seed, const Bindings& bindings, Stream stream) {
    clear_keys();
    memory_->from_host(&view_->control->seed, &seed, sizeof seed);
    launch({Operation::reset, nullptr, true, 0, 0, &bindings}, stream);
}
void Batch::reset(const std::vector<StreamKey>& keys, const uint8_t* mask, Stream stream) {
    std::vector<StreamKey> all = read_keys();
    std::vector<uint8_t> is_reset(all.size(), 1);
    if (mask) memory_->to_host(is_reset.data(), mask, is_reset.size());
    for (size_t env = 0; env < all.size(); ++env)
        if (is_reset[env]) all[env] = keys.at(env);
    write_keys(all);
    launch({Operation::reset, mask, true, 0, 0, nullptr}, stream);
}
void Batch::reset(const uint8_t* mask, Stream stream) {
    launch({Operation::reset, mask, false, 0, 0, nullptr}, stream);
}
void Batch::step(Stream stream) { launch({Operation::step, nullptr, false, 0, 0, nullptr}, stream); }
void Batch::step(const Bindings& bindings, Stream stream) {
    launch({Operation::step, nullptr, false, 0, 0, &bindings}, stream);
}
void Batch::act(int policy, uint32_t draw, Stream stream) {
    launch({Operation::act, nullptr, false, policy, draw, nullptr}, stream);
}

namespace {
/// The float with these bits.
std::string float_text(int64_t bits) {
    const uint32_t word = uint32_t(bits);
    float value;
    memcpy(&value, &word, sizeof value);
    return to_text(double(value));
}
}  // namespace

void Batch::check() {
    memory_->synchronize();
    ActionError error;
    memory_->to_host(&error, &view_->control->error, sizeof error);
    if (error.code == 0) return;
    memory_->zero(&view_->control->error, sizeof error);
    const ActionView& a = view_->actions[error.part];
    std::string want = "one that the action mask allows";
    std::string counted_as = "the nearest bound";
    if (!a.is_box) {
        int choice = a.default_choice;
        if (a.default_choice_each) memory_->to_host(&choice, a.default_choice_each + error.integer, 4);
        counted_as = std::to_string(choice);
    }
    const auto bound = [&](const float* bounds) {
        float value;
        memory_->to_host(&value, bounds + error.integer, sizeof value);
        return to_text(double(value));
    };
    if (error.code == 1 && a.is_box)
        want = "a number from " + bound(a.low) + " to " + bound(a.high);
    else if (error.code == 1) {
        int n = a.n;
        if (a.n_each) memory_->to_host(&n, a.n_each + error.integer, 4);
        want = "an integer from 0 to " + std::to_string(n - 1);
    }
    throw std::invalid_argument("action of world " + std::to_string(error.env) + ", agent " +
                                std::to_string(error.agent) + " at step " + std::to_string(error.step) + ": got " +
                                (a.is_box ? float_text(error.value) : std::to_string(error.value)) + ", want " + want +
                                " (it counted as " + counted_as + ")");
}

double Batch::minimum_bytes_per_env(double active_agents) const {
    const double share_of_rows = streams_observations() ? active_agents / num_agents() : 1.0;
    double bytes = 2.0 * view_->world_bytes;
    for (const Tensor& tensor : observations_) bytes += share_of_rows * double(tensor.bytes() / num_envs());
    for (const auto* list : {&actions_, &states_, &action_masks_, &outputs_})
        for (const Tensor& tensor : *list) bytes += double(tensor.bytes() / num_envs());
    return bytes;
}

}  // namespace flockstep

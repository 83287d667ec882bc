#include "sim/engine/plan.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include "sim/contract/config.h"

namespace flockstep {

namespace {
/// Removes `mark` and the number after it from `text` and returns the number; 0 without a mark, -1 without a number.
int cut_number(std::string& text, char mark) {
    const size_t at = text.find(mark);
    if (at == std::string::npos) return 0;
    int number = -1;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data() + at + 1, end, number);
    const bool is_number = result.ec == std::errc() && result.ptr == end && number > 0;
    text.resize(at);
    return is_number ? number : -1;
}
bool shares_warp(int lanes) { return lanes >= 1 && lanes <= 32 && (lanes & (lanes - 1)) == 0; }
constexpr std::string_view queue_suffix = "/queue";
bool fills_block(int lanes) { return lanes >= 64 && lanes <= max_block_lanes && lanes % 32 == 0; }
}  // namespace

std::string Plan::text(bool is_cuda) const {
    if (!is_cuda) return kind == GroupKind::grid ? "team" : "worlds";
    std::string text = group_kind_names[int(kind)];
    if (kind == GroupKind::warp || kind == GroupKind::block) text += ":" + std::to_string(lanes);
    if (threads > 0 && (kind == GroupKind::lane || kind == GroupKind::warp)) text += "/" + std::to_string(threads);
    if (has_queue) text += queue_suffix;
    return text;
}

Plan parse_plan(const std::string& text, bool is_cuda) {
    if (!is_cuda) {
        if (text == "worlds") return {GroupKind::lane, 1, 0};
        if (text == "team") return {GroupKind::grid, 1, 0};
        throw std::invalid_argument("plan: got " + in_quotes(text) + R"(, want "worlds" or "team" on the CPU)");
    }
    std::string rest = text;
    Plan plan;
    if (rest.ends_with(queue_suffix)) plan.has_queue = true, rest.resize(rest.size() - queue_suffix.size());
    plan.threads = cut_number(rest, '/');
    const int lanes = cut_number(rest, ':');
    const bool has_threads = plan.threads != 0, has_lanes = lanes != 0;
    const bool is_good_block = !has_threads || plan.threads == 32 || plan.threads == 64 || plan.threads == 128;
    bool is_good = false;
    if (rest == "lane")
        plan.kind = GroupKind::lane, is_good = !has_lanes && is_good_block;
    else if (rest == "warp")
        plan.kind = GroupKind::warp, plan.lanes = lanes, is_good = lanes >= 2 && shares_warp(lanes) && is_good_block;
    else if (rest == "block")
        plan.kind = GroupKind::block, plan.lanes = lanes, is_good = fills_block(lanes) && !has_threads;
    else if (rest == "grid")
        plan.kind = GroupKind::grid, is_good = !has_lanes && !has_threads;
    if (!is_good || (plan.has_queue && plan.kind != GroupKind::block))
        throw std::invalid_argument(
            "plan: got " + in_quotes(text) +
            R"(, want "lane", "warp:N" (2, 4, 8, 16, 32), "block:N" (64, 96, ... 256) or "grid"; )"
            R"(lane and warp may be followed by "/32", "/64" or "/128", the lanes of a block; )"
            R"(block by "/queue" where observations are streamed)");
    return plan;
}

std::vector<Plan> all_cuda_plans() {
    std::vector<Plan> plans;
    const auto with_threads = [&](GroupKind kind, int lanes) {
        for (int threads : {0, 128, 64, 32}) plans.push_back({kind, lanes, threads});
    };
    with_threads(GroupKind::lane, 1);
    for (int lanes = 2; lanes <= 32; lanes *= 2) with_threads(GroupKind::warp, lanes);
    for (int lanes = 64; lanes <= max_block_lanes; lanes += 32)
        for (bool has_queue : {false, true}) plans.push_back({GroupKind::block, lanes, 0, has_queue});
    plans.push_back({GroupKind::grid, 1, 0});
    return plans;
}

bool is_lane_count(int lanes) { return shares_warp(lanes) || fills_block(lanes); }

std::vector<Plan> plan_ladder(int lanes) {
    std::vector<Plan> plans;
    const auto group = [&](int n) { plans.push_back({n == 1 ? GroupKind::lane : GroupKind::warp, n, 0}); };
    for (int n = lanes; n <= 32; n *= 2) group(n);
    plans.push_back({GroupKind::block, std::max(lanes, 64), 0});
    for (int n = std::min(lanes / 2, 32); n >= 1; n /= 2) group(n);
    plans.push_back({GroupKind::grid, 1, 0});
    return plans;
}

void refuse_plan(const std::string& wanted, const std::string& environment, const std::vector<GroupKind>& compiled,
                 const std::vector<Plan>& possible) {
    std::string plans, kinds;
    for (const Plan& plan : possible)
        if (plan.threads == 0) plans += (plans.empty() ? "" : ", ") + plan.text(true);
    for (GroupKind kind : compiled) kinds += (kinds.empty() ? "" : ", ") + std::string(group_kind_names[int(kind)]);
    throw std::invalid_argument("plan: got " + (wanted.empty() ? "none that fits" : in_quotes(wanted)) +
                                ", want one of: " + (plans.empty() ? "none" : plans) + "; " + environment +
                                " is compiled for kinds " + kinds +
                                ", and the worlds of these settings fit no other plan of them");
}

}  // namespace flockstep

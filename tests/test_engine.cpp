#include "tests/test_engine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace flockstep {

void register_test_environments(Registry& registry);

namespace {

std::vector<EngineCase>& brought_cases() {
    static std::vector<EngineCase> cases;
    return cases;
}

bool has_word(const char* list, const std::string& word) {
    for (std::string rest = list ? list : ""; !rest.empty();) {
        const size_t comma = rest.find(',');
        if (rest.substr(0, comma) == word) return true;
        rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    return false;
}

/// Bytes of `count` worlds that differ first, as a sentence; "" if none does.
std::string first_difference(const std::string& name, const std::vector<char>& a, const std::vector<char>& b,
                             int64_t envs_a, int64_t envs_b, Span span) {
    const size_t row = a.size() / size_t(envs_a), other_row = b.size() / size_t(envs_b);
    if (row != other_row) return name + ": rows of " + std::to_string(row) + " and " + std::to_string(other_row);
    const int64_t count = span.count < 0 ? std::min(envs_a, envs_b) : span.count;
    const char *at_a = a.data() + size_t(span.first_a) * row, *at_b = b.data() + size_t(span.first_b) * row;
    const size_t bytes = size_t(count) * row;
    if (bytes == 0 || memcmp(at_a, at_b, bytes) == 0) return "";
    const size_t i = size_t(std::mismatch(at_a, at_a + bytes, at_b).first - at_a);
    return name + " of world " + std::to_string(i / row) + ", byte " + std::to_string(i % row) + ": " +
           std::to_string(uint8_t(at_a[i])) + " and " + std::to_string(uint8_t(at_b[i]));
}

int64_t count_active(Batch& batch, Span span) {
    const Tensor& active = batch.output("active");
    const std::vector<char> bytes = host_bytes(batch, active);
    const int64_t agents = batch.num_agents(), count = span.count < 0 ? batch.num_envs() : span.count;
    return std::count(bytes.begin() + span.first_a * agents, bytes.begin() + (span.first_a + count) * agents, char(1));
}

void mix(uint64_t& hash, const std::vector<char>& bytes) {
    for (char byte : bytes) hash = (hash ^ uint8_t(byte)) * 1099511628211u;
}
}  // namespace

const Registry& full_registry() {
    static const bool done = [] {
        if (registry().entries().empty()) register_product_environments(registry());
        register_test_environments(registry());
        return true;
    }();
    (void)done;
    return registry();
}

SettingValues merged(SettingValues values, const SettingValues& more) {
    for (const auto& [key, value] : more) values[key] = value;
    return values;
}
Settings settings_of(const SettingValues& values) {
    Settings settings;
    for (const auto& [key, value] : values) settings.set(key, value);
    return settings;
}

EnvironmentCases::EnvironmentCases(const char* environment, const SettingValues& common,
                                   const std::vector<Line>& lines) {
    for (const Line& line : lines)
        brought_cases().push_back({line.name, environment, settings_of(merged(common, line.settings)), line.hash});
}
const std::vector<EngineCase>& engine_cases() {
    full_registry();
    return brought_cases();
}
const EngineCase& engine_case(const std::string& name) {
    for (const EngineCase& c : engine_cases())
        if (c.name == name) return c;
    throw std::logic_error("no case " + name);
}

std::unique_ptr<Batch> make(const EngineCase& c, const BatchOptions& options) {
    full_registry();
    return make_batch(c.environment, options, c.settings);
}

BatchOptions some_envs(int64_t num_envs, uint64_t seed) {
    full_registry();  // whichever test runs alone
    BatchOptions options;
    options.num_envs = num_envs;
    options.seed = seed;
    options.final_observation = FinalObservation::all;
    return options;
}

BatchOptions with_plan(BatchOptions options, const std::string& plan) {
    options.plan = plan;
    return options;
}
bool has_plan(const Batch& batch, const std::string& plan) {
    const std::vector<std::string> plans = batch.plans();
    return std::find(plans.begin(), plans.end(), plan) != plans.end();
}

std::vector<char> host_bytes(Batch& batch, const Tensor& tensor) { return host_values<char>(batch, tensor); }

AgentRows::AgentRows(const Batch& batch, const Tensor& tensor) : role(&batch.spaces().roles[0]) {
    for (const Role& each : batch.spaces().roles)
        if (tensor.name.rfind(each.name + ".", 0) == 0) role = &each;
    row_bytes = size_t(tensor.bytes() / (batch.num_envs() * role->count));
}
void clear_inactive_rows(Batch& shown, const Tensor& tensor, std::vector<char>& bytes) {
    const auto active = host_values<uint8_t>(shown, shown.output("active"));
    const auto& parts = shown.observations();
    const auto has_name = [&](const Tensor& part) { return part.name == tensor.name; };
    if (!shown.streams_observations() || std::none_of(parts.begin(), parts.end(), has_name)) return;
    const AgentRows rows(shown, tensor);
    rows.for_each(bytes, [&](size_t env, size_t agent, char* row) {
        if (!active[env * size_t(shown.num_agents()) + agent]) std::fill_n(row, rows.row_bytes, char(0));
    });
}

std::vector<Tensor> written_tensors(const Batch& batch) {
    std::vector<Tensor> tensors = batch.observations();
    for (const auto* list : {&batch.states(), &batch.action_masks(), &batch.outputs()})
        tensors.insert(tensors.end(), list->begin(), list->end());
    for (const auto* list : {&batch.final_observations(), &batch.final_states()})
        for (Tensor tensor : *list) {
            tensor.name = "final " + tensor.name;
            tensors.push_back(tensor);
        }
    return tensors;
}

std::string difference(Batch& a, Batch& b, Span span) {
    const std::vector<Tensor> of_a = written_tensors(a), of_b = written_tensors(b);
    if (of_a.size() != of_b.size()) return "the number of outputs";
    for (size_t i = 0; i < of_a.size(); ++i) {
        const std::string found = first_difference(of_a[i].name, host_bytes(a, of_a[i]), host_bytes(b, of_b[i]),
                                                   a.num_envs(), b.num_envs(), span);
        if (!found.empty()) return found;
    }
    return "";
}

std::string state_difference(Batch& a, Batch& b, Span span) {
    for (const FieldInfo& field : a.fields()) {
        if (field.elements() == 0 || field.derived) continue;
        const std::string found = first_difference("field " + field.name, a.get_field(field.name).bytes,
                                                   b.get_field(field.name).bytes, a.num_envs(), b.num_envs(), span);
        if (!found.empty()) return found;
    }
    return "";
}

std::string played_difference(Batch& a, Batch& b, int steps, Span span, int policy, int64_t* agent_steps) {
    for (int step = 0;; ++step) {
        const std::string found = difference(a, b, span);
        if (!found.empty()) return "after step " + std::to_string(step) + ": " + found;
        if (step == steps) break;
        if (agent_steps) *agent_steps += count_active(a, span);
        for (Batch* batch : {&a, &b}) {
            batch->act(policy);
            batch->step();
        }
    }
    return state_difference(a, b, span);
}

void play(Batch& batch, int steps, int policy) {
    for (int step = 0; step < steps; ++step) {
        batch.act(policy);
        batch.step();
    }
}

uint64_t played_hash(Batch& batch, int steps) {
    uint64_t hash = 14695981039346656037u;
    for (int step = 0; step <= steps; ++step) {
        for (const Tensor& tensor : written_tensors(batch)) mix(hash, host_bytes(batch, tensor));
        if (step < steps) play(batch, 1);
    }
    const std::vector<std::string> statistics = {"took_part", "episode_return", "output_sums", "agent_steps",
                                                 "statistics"};
    for (const FieldValue& field : batch.save())
        if (std::find(statistics.begin(), statistics.end(), field.name) == statistics.end()) mix(hash, field.bytes);
    return hash;
}

bool gpu_is_there() {
    const std::string why = cuda_unavailable_reason(0);
    if (why.empty()) return true;
    if (has_word(std::getenv("FLOCKSTEP_REQUIRE"), "gpu")) FAIL("no GPU: " << why);
    static std::string last;  // a test asks once per section
    const std::string name = Catch::getResultCapture().getCurrentTestName();
    if (name != last) std::printf("skipped on the GPU: %s: %s\n", name.c_str(), why.c_str());
    last = name;
    return false;
}

std::vector<Device> devices() {
    if (gpu_is_there()) return {Device{-1}, Device{0}};
    return {Device{-1}};
}

BatchOptions on_gpu(BatchOptions options) {
    options.device = {0};
    return options;
}

}  // namespace flockstep

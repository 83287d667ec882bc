#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "sim/engine/registry.h"
#include "tests/catch.h"
#include "trainer/algorithm/ppo.h"
#include "trainer/run/actor.h"

using namespace flockstep;

namespace {
/// A folder of its own that goes away.
struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("flockstep-test-" + std::to_string(getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name) const { return (path / name).string(); }
};

void write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }
std::string safetensors(const std::string& header, const std::string& data = "") {
    const uint64_t size = header.size();
    return std::string(reinterpret_cast<const char*>(&size), 8) + header + data;
}

TrainConfig small_config() {
    TrainConfig config;
    config.num_envs = 16, config.num_steps = 8, config.update_epochs = 2, config.num_minibatches = 2,
    config.hidden_sizes = {16};
    config.total_steps = 16 * 8 * 6, config.norm_obs = config.norm_reward = true;
    return config;
}
std::unique_ptr<Batch> cartpole(const BatchOptions& options, int max_episode_steps = 20) {
    if (registry().entries().empty()) register_product_environments(registry());
    Settings settings;
    settings.set("max_episode_steps", int64_t(max_episode_steps));
    return make_batch("cartpole", options, settings);
}
std::unique_ptr<Trainer> trainer(const TrainConfig& config, Device device = {}) {
    return std::make_unique<Trainer>(cartpole(training_options(config, device)), config);
}
void check_same(const Archive& a, const Archive& b) {
    REQUIRE(a.arrays.size() == b.arrays.size());
    for (size_t i = 0; i < a.arrays.size(); ++i) {
        INFO(a.arrays[i].name);
        CHECK(a.arrays[i].name == b.arrays[i].name);
        CHECK(a.arrays[i].bytes == b.arrays[i].bytes);
    }
}
}  // namespace

TEST_CASE("checkpoint: three iterations, a file, and three more equal six, bit for bit") {
    const Folder folder;
    std::vector<Device> devices{{}};
    if (cuda_unavailable_reason().empty())
        devices.push_back({0});
    else
        WARN("no GPU: " << cuda_unavailable_reason());
    for (Device device : devices) {
        const auto whole = trainer(small_config(), device), first = trainer(small_config(), device);
        for (int i = 0; i < 6; ++i) whole->iterate();
        for (int i = 0; i < 3; ++i) first->iterate();
        write_archive(folder.file("half"), snapshot(*first));
        const auto second = trainer(small_config(), device);
        second->iterate();  // what it did before does not matter
        restore(*second, read_archive(folder.file("half")));
        CHECK(second->iterations() == 3);
        for (int i = 0; i < 3; ++i) second->iterate();
        CHECK(second->is_finished());
        check_same(snapshot(*second), snapshot(*whole));
    }
}

TEST_CASE("checkpoint: an iteration that was abandoned anywhere leaves the snapshot before it exactly as good") {
    const auto whole = trainer(small_config());
    for (int i = 0; i < 6; ++i) REQUIRE(whole->iterate());
    for (int stops_at : {1, 8, 9, 12}) {  // steps of the rollout come first, then minibatches
        const auto first = trainer(small_config()), second = trainer(small_config());
        for (int i = 0; i < 3; ++i) first->iterate();
        const Archive before = snapshot(*first);
        int asked = 0;
        CHECK_FALSE(first->iterate([&] { return ++asked == stops_at; }));
        CHECK(asked == stops_at);
        restore(*second, before);
        int times = 0;
        for (int i = 0; i < 3; ++i) CHECK(second->iterate([&] { return ++times < 0; }));
        CHECK(times == 3 * (8 + 2 * 2));
        check_same(snapshot(*second), snapshot(*whole));
    }
}

TEST_CASE("trainer: more minibatches than samples are refused") {
    TrainConfig config = small_config();
    config.num_minibatches = 16 * 8;
    CHECK_NOTHROW(trainer(config));
    config.num_minibatches = 16 * 8 + 1;
    CHECK_THROWS_WITH(trainer(config), "num_minibatches: got 129, want at most 128, the samples of a rollout of agent");
}

TEST_CASE("checkpoint: an actor from a file acts as one from the trainer, in other numbers of worlds") {
    const Folder folder;
    const auto run = trainer(small_config());
    run->iterate();
    write_archive(folder.file("it"), snapshot(*run));
    BatchOptions options;
    options.num_envs = 5;
    const auto one = cartpole(options), other = cartpole(options);
    Actor from_trainer(snapshot(*run), *one, 3), from_file(read_archive(folder.file("it")), *other, 3);
    for (int i = 0; i < 10; ++i) {
        from_trainer.act(i % 2), from_file.act(i % 2);
        REQUIRE(memcmp(one->actions()[0].data, other->actions()[0].data, 5 * 4) == 0);
        one->step(), other->step();
    }
    CHECK(from_file.info().environment == "cartpole");
    CHECK(from_file.info().config.hidden_sizes.items == small_config().hidden_sizes.items);
    CHECK(to_text(from_file.info().environment_settings.values().at("max_episode_steps")) == "20");
}

TEST_CASE("checkpoint: a file gives back what was written") {
    const Folder folder;
    Archive archive;
    archive.metadata["a"] = "1";
    archive.add("x", DType::int32, {2}, "12345678");
    write_archive(folder.file("it"), archive);
    const Archive back = read_archive(folder.file("it"));
    CHECK(back.metadata == archive.metadata);
    CHECK(back.expect("x", DType::int32, {2}).bytes == std::vector<char>{'1', '2', '3', '4', '5', '6', '7', '8'});
    CHECK_THROWS_AS(write_archive(folder.file("no/such/folder"), archive), std::runtime_error);
}

TEST_CASE("checkpoint: files that are none, or damaged, get one sentence each") {
    const Folder folder;
    const std::string path = folder.file("it");
    const auto sentence = [&](const std::string& bytes) {
        write(path, bytes);
        try {
            read_archive(path);
        } catch (const std::invalid_argument& error) {
            return std::string(error.what()).substr(("checkpoint " + path + ": ").size());
        }
        return std::string("accepted");
    };
    CHECK(sentence("") == "it has 0 bytes, too few for a safetensors file");
    CHECK(sentence("not a checkpoint at all") == "it is no safetensors file");
    CHECK(sentence(safetensors("{}").substr(0, 9)) ==
          "it ends within its header: the file is cut short, or no safetensors file");
    CHECK(sentence(safetensors("{\"x\"")) == "its header is not JSON: it is damaged, or no safetensors file");
    CHECK(sentence(safetensors("{\"x\": 3}")) == "an entry of its header is malformed");
    const std::string entry = "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}";
    CHECK(sentence(safetensors(entry, "1234")) == "it ends before the array x does: the file is cut short");
    CHECK(sentence(safetensors(entry, "12345678")) == "accepted");
    CHECK(sentence(safetensors("{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", "12345678")) ==
          "the shape [3] of x does not fit its 8 bytes");
    CHECK(sentence(safetensors("{\"x\":{\"dtype\":\"F32\",\"shape\":[-3],\"data_offsets\":[0,8]}}", "12345678")) ==
          "the entry of x in its header is malformed");
    CHECK(sentence(safetensors("{\"x\":{\"dtype\":\"F32\",\"shape\":[3,4611686018427387904],\"data_offsets\":[0,8]}}",
                               "12345678")) == "the shape of x is impossible");
    CHECK(sentence(safetensors("{\"x\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,8]}}", "12345678")) ==
          "the entry of x in its header is malformed");
    CHECK(sentence(safetensors(entry, "123456789")) == "it has 1 bytes after its last array");
    const std::string two = "\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[";
    CHECK(sentence(safetensors("{\"x\":{" + two + "0,4]},\"y\":{" + two + "4,8]}}", "12345678")) == "accepted");
    CHECK(sentence(safetensors("{\"x\":{" + two + "0,4]},\"y\":{" + two + "2,6]}}", "123456")) ==
          "the array y begins at byte 2 of the data, want 4, where the one before it ends");
    CHECK(sentence(safetensors("{\"x\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,8]}}", "12345678")) ==
          "it holds an array of type C64, which is none that Flockstep writes");
    CHECK_THROWS_WITH(read_archive(folder.file("absent")),
                      "checkpoint " + folder.file("absent") + ": it cannot be read: No such file or directory");
}

TEST_CASE("checkpoint: settings of groups are kept, and checked before use") {
    TrainConfig config = small_config();
    Settings own;
    own.set("hidden_sizes", std::string("8,4")), own.set("learning_rate", std::string("2e-3"));
    config.set_group("agent", own);
    const auto one = trainer(config);
    const Archive good = snapshot(*one);
    CHECK(good.text("group_settings") == R"({"agent":{"hidden_sizes":"8,4","learning_rate":0.002}})");
    const TrainConfig read = read_info(good).config;
    CHECK(read.group_settings == config.group_settings);
    CHECK(read.of_group("agent").learning_rate == 2e-3f);
    CHECK(read.of_group("agent").hidden_sizes.items == IntegerList{8, 4}.items);
    CHECK(read.learning_rate == small_config().learning_rate);
    CHECK_NOTHROW(restore(*trainer(config), good));

    Archive bad = good;
    const auto refuses = [&](const char* settings, const std::string& sentence) {
        bad.metadata["group_settings"] = settings;
        CHECK_THROWS_WITH(read_info(bad), "checkpoint: group_settings" + sentence);
    };
    refuses("{", ": it is not JSON");
    refuses("[]", ": got a list of 0, want an object");
    refuses(R"({"dog": {}})", ".dog: got an object, want the name of a policy in front of them");
    refuses(R"({"agent": 3})", ".agent: got 3, want an object");
    refuses(R"({"agent": {"gamma": 2}})", ": groups.agent.gamma: got 2, want a number from 0 to 1");
    refuses(R"({"agent": {"gamma": {}}})",
            ".agent.gamma: got an object, want true, false, a number, a string or a list of these");
    refuses(R"({"agent": {"num_envs": 2}})",
            ": groups.agent.num_envs: num_envs is a setting of the whole run, want it outside of [groups.agent]");
    refuses(R"({"agent": {"gama": 2}})", ": groups.agent: unknown key \"gama\", did you mean \"gamma\"?");

    Archive before = snapshot(*trainer(small_config()));  // of a version that knew no settings of groups
    before.metadata["format_version"] = "4", before.metadata.erase("group_settings");
    CHECK(read_info(before).config.group_settings.empty());
    before.metadata["format_version"] = "5";
    CHECK_THROWS_AS(read_info(before), DamagedCheckpoint);
}

TEST_CASE("trainer: every setting is of the run, or a group can have its own") {
    for (const FieldDescription& field : describe_config<TrainConfig>()) {
        INFO(field.name);
        TrainConfig config;
        Settings own;
        own.set(field.name, write_config(config).values().at(field.name));
        if (TrainConfig::is_of_run(field.name))
            CHECK_THROWS_WITH(config.set_group("a", own),
                              "groups.a." + field.name + ": " + field.name +
                                  " is a setting of the whole run, want it outside of [groups.a]");
        else
            CHECK_NOTHROW(config.set_group("a", own));
    }
    for (const std::string_view name : TrainConfig::settings_of_run)
        CHECK(write_config(TrainConfig{}).has(std::string(name)));
}

TEST_CASE("checkpoint: a foreign one, or one that does not fit, is refused") {
    const auto one = trainer(small_config());
    const Archive good = snapshot(*one);
    const auto refuses = [&](const Archive& archive, const std::string& sentence) {
        CHECK_THROWS_WITH(restore(*trainer(small_config()), archive), sentence);
    };
    Archive bad = good;
    bad.metadata.clear();
    refuses(bad, "checkpoint: its metadata has no \"format\": it is not a checkpoint of Flockstep");
    bad = good;
    bad.metadata["format"] = "a\nweight";
    refuses(bad, "checkpoint: its format is \"a\\nweight\", want \"flockstep checkpoint\"");
    bad = good;
    bad.metadata["format_version"] = "99";
    refuses(bad, "checkpoint: its format version is \"99\", this Flockstep reads 4 and 5");
    bad = good;
    bad.metadata["progress"] = "{";
    refuses(bad, "checkpoint: progress: it is not JSON");
    bad = good;
    bad.metadata["environment"] = "chess";
    refuses(bad, "checkpoint: it was trained on the environment chess, want cartpole");
    bad = good;
    std::erase_if(bad.arrays, [](const NamedArray& array) { return array.name == "agent.parameter.actor.head.bias"; });
    refuses(bad, "checkpoint: the array agent.parameter.actor.head.bias is missing");

    bad = good;
    bad.path = "run/checkpoint.safetensors";
    const auto put = [&](const std::string& name, size_t at, auto number) {
        bad.arrays = good.arrays;
        for (NamedArray& array : bad.arrays)
            if (array.name == name) memcpy(array.bytes.data() + at * sizeof number, &number, sizeof number);
    };
    put("trainer.env_steps", 0, int64_t{-1});
    refuses(bad,
            "checkpoint run/checkpoint.safetensors: trainer.env_steps: got -1, want an integer from 0 to "
            "288230376151711744");
    put("agent.minibatches", 0, INT64_MIN);
    refuses(
        bad,
        "checkpoint run/checkpoint.safetensors: agent.minibatches: got -9223372036854775808, want an integer from 0 "
        "to 4611686018427387904");
    put("trainer.agent_steps", 0, std::numeric_limits<double>::quiet_NaN());
    refuses(bad,
            "checkpoint run/checkpoint.safetensors: trainer.agent_steps: got nan, want a number from 0 to "
            "4611686018427387904");
    put("agent.second_moment.actor.head.bias", 1, -1.0f);
    refuses(bad,
            "checkpoint run/checkpoint.safetensors: agent.second_moment.actor.head.bias: number 1 is not finite or is "
            "below 0; the file is damaged, or training diverged");

    TrainConfig other = small_config();
    other.hidden_sizes = {32};
    CHECK_THROWS_WITH(restore(*trainer(other), good),
                      "checkpoint: agent.parameter.actor.hidden.0.weight is float32 [16, 8], want float32 [32, 8]");
    other = small_config();
    other.num_envs = 8;
    CHECK_THROWS_AS(restore(*trainer(other), good), std::invalid_argument);
}

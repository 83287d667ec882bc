#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/torch.h>

#include "tests/trainer/device_array.h"
#include "trainer/learn/engine.h"
#include "trainer/learn/loss.h"
#include "trainer/learn/optimiser.h"

using namespace flockstep;

namespace {
std::vector<float> numbers(size_t size, uint32_t stream, float scale = 1.0f) {
    std::vector<float> values(size);
    for (uint32_t i = 0; i < size; ++i) values[i] = scale * (2 * test_number(i, stream) - 1);
    return values;
}
torch::Tensor tensor(const std::vector<float>& values) { return torch::tensor(values); }

Component choice_of(int n) {
    Component choice{};
    choice.n = n;
    return choice;
}

/// PPO's loss written with LibTorch's operators; all samples count.
torch::Tensor reference_loss(torch::Tensor logits, torch::Tensor value, torch::Tensor mask, torch::Tensor action,
                             torch::Tensor log_prob, torch::Tensor old_value, torch::Tensor advantage,
                             torch::Tensor target, double clip_vloss) {
    const torch::Tensor log_probs = torch::log_softmax(logits.masked_fill(mask == 0, -1e9), 1);
    const torch::Tensor now = log_probs.gather(1, action.unsqueeze(1)).squeeze(1), ratio = (now - log_prob).exp();
    advantage = (advantage - advantage.mean()) / (advantage.std(false) + 1e-8);
    const torch::Tensor policy_loss = -torch::min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean();
    torch::Tensor error = (value - target).square();
    if (clip_vloss > 0)
        error = torch::max(error, (old_value + (value - old_value).clamp(-clip_vloss, clip_vloss) - target).square());
    const torch::Tensor entropy = -(log_probs.exp() * log_probs).sum(1).mean();
    return policy_loss + 0.5 * 0.5 * error.mean() - 0.01 * entropy;
}
}  // namespace

TEST_CASE("loss: its gradient equals autograd's") {
    const int64_t size = 333;
    const int n = 5;
    const float clip_vloss = GENERATE(0.0f, 0.3f);
    std::vector<uint8_t> mask(size_t(size * n), 1), active(size_t(size), 1);
    std::vector<int32_t> action(static_cast<size_t>(size));
    std::vector<int64_t> index(static_cast<size_t>(size));
    for (uint32_t i = 0; i < size; ++i) {
        for (uint32_t k = 0; k < n; ++k) mask[i * n + k] = test_number(i * n + k, 7) < 0.7f;
        action[i] = int32_t(5 * test_number(i, 8));
        mask[i * n + uint32_t(action[i])] = 1;
        index[i] = size - 1 - i;
    }
    const std::vector<float> logits = numbers(size_t(size * n), 1, 2), value = numbers(size_t(size), 2),
                             log_prob = numbers(size_t(size), 3, 0.3f);
    const std::vector<float> old_value = numbers(size_t(size), 4), advantage = numbers(size_t(size), 5, 3),
                             target = numbers(size_t(size), 6);
    std::vector<float> shifted_log_prob(log_prob);
    for (float& x : shifted_log_prob) x -= 1.5f;

    torch::Tensor reference_logits = tensor(logits).view({size, n}).requires_grad_(),
                  reference_value = tensor(value).requires_grad_();
    const torch::Tensor order = torch::tensor(index), masks = torch::from_blob(mask.data(), {size, n}, torch::kUInt8);
    const torch::Tensor loss =
        reference_loss(reference_logits, reference_value, masks.index_select(0, order),
                       torch::tensor(action).to(torch::kInt64).index_select(0, order),
                       tensor(shifted_log_prob).index_select(0, order), tensor(old_value).index_select(0, order),
                       tensor(advantage).index_select(0, order), tensor(target).index_select(0, order), clip_vloss);
    loss.backward();

    for (Device device : test_devices()) {
        Bench bench(device);
        const RowSet rows{size, size, 1, nullptr, nullptr};
        DeviceArray<float> d_logits(bench, logits), d_value(bench, value), d_log_prob(bench, shifted_log_prob),
            d_old(bench, old_value);
        DeviceArray<float> d_advantage(bench, advantage), d_target(bench, target),
            logits_gradient(bench, logits.size()), value_gradient(bench, value.size());
        DeviceArray<float> entropy_weight(bench, std::vector<float>{0.01f});
        DeviceArray<uint8_t> d_mask(bench, mask), d_active(bench, active);
        DeviceArray<int32_t> d_action(bench, action);
        DeviceArray<int64_t> d_index(bench, index);
        DeviceArray<double> rollout_sums(bench, size_t(RolloutSums::size)), sums(bench, size_t(LossSums::size));
        sum(bench.context(), size,
            SumRollout{rows, d_active.data(), d_active.data(), d_advantage.data(), d_target.data()},
            rollout_sums.data(), Store::overwrite);
        DeviceArray<LossScale> scale(bench, 1);
        run(bench.context(), 1, PrepareLoss{rollout_sums.data(), 1, scale.data()});
        const std::vector<Component> choice{choice_of(n)};
        DeviceArray<Component> components(bench, choice);
        PpoLoss item{};
        item.rows = rows, item.minibatch = {0, size, d_index.data()};
        item.head = Head(choice, components.data(), n);
        item.head.actions[0].kept = d_action.data(), item.head.actions[0].mask = d_mask.data();
        item.head.actions[0].choices = n;
        item.policy = {d_logits.data(), n, d_value.data(), 1};
        item.live = d_active.data(), item.log_prob = d_log_prob.data(), item.value = d_old.data();
        item.advantage = d_advantage.data(), item.value_target = d_target.data();
        item.scale = scale.data(), item.ent_coef = entropy_weight.data();
        item.clip_coef = 0.2f, item.clip_vloss = clip_vloss, item.vf_coef = 0.5f;
        item.norm_adv = true;
        item.head_gradient = logits_gradient.data(), item.value_gradient = value_gradient.data();
        sum(bench.context(), size, item, sums.data(), Store::overwrite);
        const std::vector<float> got = logits_gradient.read(), got_value = value_gradient.read();
        CHECK((tensor(got).view({size, n}) - reference_logits.grad()).abs().max().item<double>() < 2e-6);
        CHECK((tensor(got_value) - reference_value.grad()).abs().max().item<double>() < 2e-6);
        const std::vector<double> s = sums.read();
        const double total = (s[LossSums::policy_loss] + 0.5 * s[LossSums::value_loss] - 0.01 * s[LossSums::entropy]) /
                             s[LossSums::count];
        CHECK(total == Catch::Approx(loss.item<double>()).epsilon(1e-5));
    }
}

TEST_CASE("loss: inactive agents and samples beyond the end have no gradient and are not counted") {
    Bench bench({});
    const RowSet rows{4, 4, 1, nullptr, nullptr};
    DeviceArray<float> ones(bench, std::vector<float>(8, 1.0f)), logits(bench, numbers(8, 1)),
        logits_gradient(bench, numbers(8, 2)), value_gradient(bench, numbers(4, 3));
    DeviceArray<uint8_t> active(bench, std::vector<uint8_t>{1, 0, 1, 1});
    DeviceArray<int32_t> action(bench, 4);
    DeviceArray<int64_t> index(bench, std::vector<int64_t>{0, 1, -1, 3});
    DeviceArray<double> rollout_sums(bench, size_t(RolloutSums::size)), sums(bench, size_t(LossSums::size));
    sum(bench.context(), 4, SumRollout{rows, active.data(), active.data(), ones.data(), ones.data()},
        rollout_sums.data(), Store::overwrite);
    CHECK(rollout_sums.read()[RolloutSums::count] == 3);
    DeviceArray<LossScale> scale(bench, 1);
    run(bench.context(), 1, PrepareLoss{rollout_sums.data(), 1, scale.data()});
    const std::vector<Component> choice{choice_of(2)};
    DeviceArray<Component> components(bench, choice);
    PpoLoss item{};
    item.rows = rows, item.minibatch = {0, 4, index.data()};
    item.head = Head(choice, components.data(), 2);
    item.head.actions[0].kept = action.data();
    item.policy = {logits.data(), 2, logits.data(), 1};
    item.live = active.data(), item.log_prob = item.value = item.advantage = item.value_target = ones.data();
    item.scale = scale.data(), item.ent_coef = ones.data();
    item.clip_coef = 0.2f, item.vf_coef = 0.5f;
    item.head_gradient = logits_gradient.data(), item.value_gradient = value_gradient.data();
    sum(bench.context(), 4, item, sums.data(), Store::overwrite);
    CHECK(sums.read()[LossSums::count] == 2);
    for (size_t i : {2, 3, 4, 5}) CHECK(logits_gradient.read()[i] == 0.0f);
    CHECK(value_gradient.read()[1] == 0.0f);
    CHECK(value_gradient.read()[3] != 0.0f);
}

TEST_CASE("optimiser: fifty steps equal torch::optim::Adam with clip_grad_norm_") {
    const size_t size = 1000;
    torch::Tensor reference = tensor(numbers(size, 1)).requires_grad_();
    torch::optim::Adam adam({reference}, torch::optim::AdamOptions(0.01).eps(1e-5));
    std::vector<std::vector<float>> gradients;
    for (uint32_t step = 0; step < 50; ++step) gradients.push_back(numbers(size, 100 + step, step % 2 ? 1.0f : 0.01f));
    for (const std::vector<float>& gradient : gradients) {
        reference.mutable_grad() = tensor(gradient);
        torch::nn::utils::clip_grad_norm_({reference}, 0.5);
        adam.step();
    }
    for (Device device : test_devices()) {
        Bench bench(device);
        DeviceArray<float> parameter(bench, numbers(size, 1)), first(bench, size), second(bench, size),
            rate(bench, std::vector<float>{0.01f});
        DeviceArray<uint16_t> rounded(bench, size);
        DeviceArray<double> square(bench, 1), norms(bench, 2);
        DeviceArray<int64_t> minibatches(bench, 1), steps(bench, 1);
        DeviceArray<int32_t> full(bench, 1), empty(bench, std::vector<int32_t>{1});
        DeviceArray<AdamScalars> scalars(bench, 1);
        DeviceArray<double> losses(bench, 3);
        DeviceArray<NotFiniteTerm> not_finite(bench, 1);
        for (const std::vector<float>& values : gradients) {
            DeviceArray<float> gradient(bench, values);
            sum(bench.context(), int64_t(size), SumSquares{gradient.data()}, square.data(), Store::overwrite);
            for (const auto& is_empty : {&empty, &full}) {  // a minibatch without samples changes nothing
                run(bench.context(), 1,
                    PrepareAdam{square.data(), rate.data(), is_empty->data(), minibatches.data(), steps.data(), 0.5f,
                                losses.data(), not_finite.data(), scalars.data(), norms.data()});
                run(bench.context(), int64_t(size),
                    AdamStep{gradient.data(), scalars.data(), 1e-5f, parameter.data(), first.data(), second.data(),
                             rounded.data()});
            }
        }
        CHECK((tensor(parameter.read()) - reference.detach()).abs().max().item<double>() < 2e-5);
        CHECK(minibatches.read()[0] == 100);
        CHECK(steps.read()[0] == 50);
        CHECK(norms.read()[1] == 50);
        CHECK(norms.read()[0] > 50 / 2 * 10);  // every other gradient has a norm of about 18
        const torch::Tensor as_bfloat16 = tensor(parameter.read()).to(torch::kBFloat16);
        CHECK(memcmp(rounded.read().data(), as_bfloat16.data_ptr(), size * 2) == 0);
    }
}

namespace {
const PolicySpec::Action five_choices{"move", ActionPart::Kind::discrete, {5}, {}, {}, false};

/// A loss whose gradient with respect to every output is known: one sample for each row, which was unlikely.
struct Lesson {
    Lesson(Bench& bench, const Network& network, int64_t rows)
        : components(bench, network.components()),
          action(bench, std::vector<int32_t>(size_t(8 * rows), 1)),
          numbers(bench, std::vector<float>(size_t(8 * rows), 0.3f)),
          ones(bench, std::vector<float>(size_t(rows), 1.0f)),
          active(bench, std::vector<uint8_t>(size_t(rows), 1)),
          scale(bench, std::vector<LossScale>{{0.0, 1.0, 1.0f / float(rows)}}) {
        loss.rows = {rows, rows, 1, nullptr, nullptr}, loss.minibatch = {0, rows};
        loss.head = Head(network.components(), components.data(), network.num_outputs());
        for (ActionColumn& column : loss.head.actions) column.size = 4;
        for (const Component& c : network.components())
            loss.head.actions[c.part].kept =
                c.kind == Component::Kind::categorical ? static_cast<void*>(action.data()) : numbers.data();
        loss.live = active.data(), loss.advantage = loss.value = loss.value_target = ones.data();
        loss.log_prob = ones.data(), loss.scale = scale.data(), loss.ent_coef = ones.data();
        loss.clip_coef = 1e6f, loss.vf_coef = 0.5f;
    }
    DeviceArray<Component> components;
    DeviceArray<int32_t> action;
    DeviceArray<float> numbers, ones;
    DeviceArray<uint8_t> active;
    DeviceArray<LossScale> scale;
    PpoLoss loss{};
};
}  // namespace

TEST_CASE(
    "network: separate and shared towers, both encoders, both precisions and every kind of action have gradients "
    "everywhere") {
    TrainConfig config;
    config.encoder = GENERATE("mlp", "cnn");
    config.share_layers = GENERATE(false, true);
    config.state_dependent_std = config.share_layers;
    config.precision = GENERATE(Precision::float32, Precision::bfloat16);
    config.squash_output = GENERATE(false, true);
    config.hidden_sizes = {32, 16}, config.channels = {4, 8};
    const PolicySpec spec{"agent",
                          {{"agent", {}}},
                          {{"vector", DType::float32, {3}, 1.0f},
                           {"image", DType::uint8, {2, 7, 7}, 1.0f},
                           {"more", DType::int8, {7, 7}, 0.1f},
                           {"flags", DType::uint8, {7, 7}, 1.0f, 2}},
                          {five_choices,
                           {"switches", ActionPart::Kind::multi_discrete, {2, 3}, {}, {}, false},
                           {"motor", ActionPart::Kind::box, {}, {-1, -2}, {1, 3}, false}}};
    Bench bench({});
    const Network network(spec, config);
    Weights weights(network.parameters(), config.precision == Precision::bfloat16, Weights::Use::learn, *bench.memory);
    weights.initialize(3, 0);
    CHECK(network.num_outputs() == 5 + 2 + 3 + 2 + 2);
    InputColumns input = network.actor_input();
    CHECK(input.columns == 3 + 98 + 49 + 98);
    CHECK(input.width == 248);
    const int64_t rows = 6;
    DeviceArray<float> data(bench, numbers(size_t(rows * input.width), 1)), shift(bench, size_t(input.width)),
        scale(bench, network.actor_scale());
    input.rows = {rows, rows, 1, nullptr, nullptr}, input.shift = shift.data(), input.scale = scale.data();
    for (int p = 0; p < input.num_parts; ++p) input.parts[p].data = data.data(), input.parts[p].dtype = DType::float32;
    Lesson lesson(bench, network, rows);
    const std::unique_ptr<Engine> engine = make_torch_engine(network, weights, config, rows, rows);
    DeviceArray<double> sums(bench, size_t(LossSums::size));
    engine->gradient(bench.context(), {input, {}}, lesson.loss, sums.data());
    const double initial_entropy =
        std::log(5.0) + std::log(2.0) + std::log(3.0) + 2 * (config.squash_output ? 0.65 : 1.419);
    CHECK(sums.read()[LossSums::entropy] / double(rows) == Catch::Approx(initial_entropy).margin(0.1));
    for (const Parameter& p : network.parameters().list()) {
        float largest = 0;
        for (int64_t i = 0; i < p.count(); ++i) largest = std::max(largest, std::abs(weights.gradient()[p.offset + i]));
        INFO(p.name);
        CHECK(largest > 0);
    }
}

namespace {
/// The gradient of a wide network by an engine of a precision.
std::vector<float> gradient_of(Bench& bench, const char* encoder, Precision precision, int64_t rows = 512) {
    TrainConfig config;
    config.encoder = encoder, config.precision = precision;
    config.hidden_sizes = {256, 256}, config.channels = {32, 32};
    const PolicySpec spec{"agent",
                          {{"agent", {}}},
                          {{"image", DType::float32, {4, 9, 9}, 1.0f}, {"vector", DType::float32, {60}, 1.0f}},
                          {five_choices}};
    const Network network(spec, config);
    Weights weights(network.parameters(), precision == Precision::bfloat16, Weights::Use::learn, *bench.memory);
    weights.initialize(3, 0);
    InputColumns input = network.actor_input();
    DeviceArray<float> data(bench, numbers(size_t(rows * input.width), 1)), shift(bench, size_t(input.width)),
        scale(bench, network.actor_scale());
    input.rows = {rows, rows, 1, nullptr, nullptr}, input.shift = shift.data(), input.scale = scale.data();
    for (int p = 0; p < input.num_parts; ++p) input.parts[p].data = data.data();
    Lesson lesson(bench, network, rows);
    const std::unique_ptr<Engine> engine = make_torch_engine(network, weights, config, rows, rows);
    DeviceArray<double> sums(bench, size_t(LossSums::size));
    engine->gradient(bench.context(), {input, {}}, lesson.loss, sums.data());
    bench.memory->synchronize();
    std::vector<float> gradient(size_t(weights.size()));
    bench.memory->to_host(gradient.data(), weights.gradient(), gradient.size() * sizeof(float));
    return gradient;
}

/// Of the norm of their difference to the first one's.
double relative_error(const std::vector<float>& exact, const std::vector<float>& other) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < exact.size(); ++i)
        error += std::pow(double(other[i]) - exact[i], 2), norm += std::pow(double(exact[i]), 2);
    return std::sqrt(error / norm);
}

void set_float32(at::Float32Backend backend, at::Float32Precision precision) {
    for (const at::Float32Op op : {at::Float32Op::MATMUL, at::Float32Op::CONV})
        at::globalContext().setFloat32Precision(backend, op, precision);
}
}  // namespace

TEST_CASE("precision: tfloat32 rounds a GPU's products a little, float32 none, whatever a program chose for LibTorch") {
    for (const Device device : test_devices()) {
        const std::string encoder = GENERATE("mlp", "cnn");
        INFO(encoder << " on " << device.name());
        Bench bench(device);
        const auto gradient = [&](Precision precision) { return gradient_of(bench, encoder.c_str(), precision); };
        const std::vector<float> exact = gradient(Precision::float32);
        const double tfloat32 = relative_error(exact, gradient(Precision::tfloat32));
        const double bfloat16 = relative_error(exact, gradient(Precision::bfloat16));
        if (device.is_cuda())
            CHECK((tfloat32 > 1e-6 && tfloat32 < 2e-3));
        else
            CHECK(tfloat32 == 0);
        CHECK((bfloat16 > 1e-4 && bfloat16 < 1e-1));

        const auto backend = device.is_cuda() ? at::Float32Backend::CUDA : at::Float32Backend::MKLDNN;
        set_float32(backend, device.is_cuda() ? at::Float32Precision::TF32 : at::Float32Precision::BF16);
        const std::vector<float> again = gradient(Precision::float32);
        set_float32(backend, at::Float32Precision::NONE);  // LibTorch's default, but for cuDNN
        if (device.is_cuda())
            at::globalContext().setFloat32Precision(backend, at::Float32Op::CONV, at::Float32Precision::TF32);
        CHECK((again == exact));
    }
}

TEST_CASE("engine: a gradient is the same on any number of threads, bit for bit") {
    const std::string encoder = GENERATE("mlp", "cnn");
    const Precision precision = GENERATE(Precision::float32, Precision::bfloat16);
    const int64_t rows = GENERATE(1, 300, 512, 1111, 4000);
    Bench bench({});
    const int before = at::get_num_threads();
    std::vector<std::vector<float>> gradients;
    for (const int threads : {1, 2, 5}) {
        at::set_num_threads(threads);
        gradients.push_back(gradient_of(bench, encoder.c_str(), precision, rows));
        CHECK(at::get_num_threads() == threads);
    }
    at::set_num_threads(before);
    INFO(encoder << ", " << rows << " rows");
    CHECK((gradients[1] == gradients[0] && gradients[2] == gradients[0]));
}

TEST_CASE("network: settings that fit no network are refused") {
    const PolicySpec flat{"agent", {{"agent", {}}}, {{"vector", DType::float32, {3}, 1.0f}}, {five_choices}};
    const PolicySpec image{"agent", {{"agent", {}}}, {{"image", DType::uint8, {1, 5, 5}, 1.0f}}, {five_choices}};
    TrainConfig config;
    config.encoder = "transformer";
    CHECK_THROWS_WITH(Network(flat, config), "encoder: got \"transformer\", want one of: mlp, cnn");
    config.hidden_sizes = {64}, config.encoder = "cnn";
    CHECK_THROWS_WITH(Network(flat, config),
                      "encoder: got cnn, but there is no 2- or 3-dimensional observation part; want mlp");
    config.channels = {4, 4, 4};
    CHECK_THROWS_WITH(
        Network(image, config),
        "channels: got 3 convolutions, too many for an image of 5x5 cells (each removes 2 rows and 2 columns)");
    config.encoder = "mlp", config.init_std = 0.01f, config.min_std = 0.1f;
    CHECK_THROWS_WITH(Network(flat, config), "init_std: got 0.01, want more than min_std, 0.1");
    config = {};
    config.squash_output = true;
    PolicySpec unbounded = flat;
    unbounded.actions = {{"force", ActionPart::Kind::box, {}, {-INFINITY}, {INFINITY}, false}};
    CHECK_THROWS_WITH(Network(unbounded, config),
                      "squash_output: got true, but an action has no bounds to squash it to; want false");
}

TEST_CASE("encoders: one that was registered is found by its name") {
    struct Identity : Encoder {
        explicit Identity(int64_t width) : width(width) {}
        int64_t num_features() const override { return width; }
        at::Tensor forward(ParameterViews, const at::Tensor& input) const override { return input; }
        int64_t width;
    };
    register_encoder({"identity",
                      [](const std::vector<PolicySpec::Part>& parts) {
                          std::vector<int> order;
                          for (size_t p = 0; p < parts.size(); ++p) order.push_back(int(p));
                          return order;
                      },
                      [](const EncoderInput& input, const TrainConfig&, ParameterList&, const std::string&)
                          -> std::unique_ptr<Encoder> { return std::make_unique<Identity>(input.width); }});
    TrainConfig config;
    config.encoder = "identity";
    const PolicySpec flat{"agent", {{"agent", {}}}, {{"vector", DType::float32, {3}, 1.0f}}, {five_choices}};
    const Network network(flat, config);
    REQUIRE(network.parameters().list().size() == 4);
    CHECK(network.parameters().list()[0].name == "actor.head.weight");
    CHECK(network.parameters().list()[0].shape == std::vector<int64_t>{5, 8});
}

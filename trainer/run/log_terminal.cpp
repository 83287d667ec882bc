#include "trainer/run/log_terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "io/text_table.h"

namespace flockstep {

namespace {
constexpr double seconds_between_lines = 5.0;

bool is_terminal(std::FILE* file) {
    const char* kind = std::getenv("TERM");
    return isatty(fileno(file)) && kind && std::strcmp(kind, "dumb") != 0;
}

std::string bar(double progress, int width) {
    const int full = int(std::lround(std::clamp(progress, 0.0, 1.0) * width));
    std::string text;
    for (int i = 0; i < width; ++i) text += i < full ? "\u2588" : "\u2591";
    return text;
}

std::string percent(double share) { return std::to_string(int(std::floor(share * 100))) + " %"; }

std::string losses_text(const IterationMetrics& m) {
    return "policy loss " + plain_number(m.policy_loss) + ", value loss " + plain_number(m.value_loss) + ", entropy " +
           plain_number(m.entropy) + ", KL " + plain_number(m.approximate_kl) + ", explained variance " +
           plain_number(m.explained_variance);
}
}  // namespace

std::string phases_text(const PhaseSeconds& phases) {
    const double total = phases.environment + phases.policy + phases.update;
    if (!(total > 0)) return "";
    const auto share = [&](double seconds) { return std::to_string(std::lround(100 * seconds / total)) + " %"; };
    return "environment " + share(phases.environment) + ", policy " + share(phases.policy) + ", update " +
           share(phases.update);
}

std::string statistics_text(const Statistics& statistics, size_t most) {
    if (statistics.num_episodes == 0) return "no episode has ended yet";
    std::string text;
    for (size_t m = 0; m < std::min(most, statistics.metrics.size()); ++m) {
        const Statistics::Metric& metric = statistics.metrics[m];
        text += (m ? ", " : "") + metric.name + " " + plain_number(metric.mean);
        if (metric.standard_error > 0) text += " +- " + plain_number(metric.standard_error);
    }
    return text;
}

TerminalLog::TerminalLog(std::FILE* out, std::string title, int64_t total_steps, const IterationMetrics& first,
                         double progress)
    : out_(out),
      title_(std::move(title)),
      total_steps_(total_steps),
      is_live_(is_terminal(out)),
      first_progress_(progress),
      first_seconds_(first.seconds),
      last_seconds_(first.seconds),
      last_steps_(first.agent_steps) {}

void TerminalLog::measure(const IterationMetrics& metrics) {
    const double seconds = metrics.seconds - last_seconds_;
    if (seconds > 0) rate_ = double(metrics.agent_steps - last_steps_) / seconds;
    last_seconds_ = metrics.seconds, last_steps_ = metrics.agent_steps;
}

double TerminalLog::seconds_left(const IterationMetrics& metrics, double progress) const {
    const double done = progress - first_progress_;
    return progress >= 1 ? 0 : done > 0 ? (metrics.seconds - first_seconds_) / done * (1 - progress) : NAN;
}

std::string TerminalLog::block(const IterationMetrics& m, double progress) const {
    const double left = seconds_left(m, progress);
    std::string text = title_ + "  " + bar(progress, 30) + "  " + percent(progress) + ", " +
                       short_number(double(m.agent_steps)) + " of " + short_number(double(total_steps_)) +
                       " agent-steps\n";
    text += "  " + duration_text(m.seconds) + (std::isfinite(left) ? ", " + duration_text(left) + " to go" : "") +
            "; " + short_number(rate_) + " agent-steps/s; " + phases_text(m.phases) + "\n";
    text += "  " + statistics_text(m.statistics, 3) + evaluation_ + "\n";
    return text + "  " + losses_text(m) + "\n";
}

std::string TerminalLog::line(const IterationMetrics& m, double progress) const {
    const double left = seconds_left(m, progress);
    std::string text =
        percent(progress) + ", " + short_number(double(m.agent_steps)) + " agent-steps, " + duration_text(m.seconds);
    if (std::isfinite(left)) text += ", " + duration_text(left) + " to go";
    text += ", " + short_number(rate_) + " agent-steps/s; " + statistics_text(m.statistics, 3) + evaluation_;
    return text + (m.phases.update > 0 ? "; " + phases_text(m.phases) : "") + "\n";
}

void TerminalLog::show_evaluation(const MeanEstimate& metric) {
    evaluation_ = "; evaluation: " + metric.name + " " + plain_number(metric.mean);
    if (metric.standard_error > 0) evaluation_ += " +- " + plain_number(metric.standard_error);
}

void TerminalLog::show(const IterationMetrics& metrics, double progress, bool is_last) {
    measure(metrics);
    if (is_live_) {
        std::string text = block(metrics, progress);
        // Up over the last block; each line is cut at the terminal's edge (no wrap) and cleared to its end.
        std::string drawn = "\x1b[?7l" + (lines_drawn_ ? "\x1b[" + std::to_string(lines_drawn_) + "A" : "");
        lines_drawn_ = int(std::count(text.begin(), text.end(), '\n'));
        for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 4) text.replace(at, 1, "\x1b[K\n");
        std::fputs((drawn + text + "\x1b[?7h").c_str(), out_);
    } else if (is_last || Clock::now() - last_line_ > std::chrono::duration<double>(seconds_between_lines)) {
        last_line_ = Clock::now();
        std::fputs(line(metrics, progress).c_str(), out_);
    }
    std::fflush(out_);
}

}  // namespace flockstep

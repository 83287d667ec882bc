#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/loader.h"
#include "sim/contract/world.h"
#include "sim/engine/memory.h"

/// Data shared by all worlds of an environment: loaded once per process for the same settings and files, uploaded once
/// per device, and released with the last batch that uses it.
namespace flockstep {

/// One array of Shared, on the host.
struct SharedArray {
    std::string name;
    ViewSlot slot;
    size_t item_bytes;
    size_t bytes() const { return size_t(slot.size) * item_bytes; }
};
/// One plain member of Shared: launches copy it, so it must be equal in every pool that a batch switches to.
struct SharedConstant {
    std::string name, text;  // text: its value, "" if it is not a number
    std::vector<char> bytes;
};

/// The arrays of one SharedData on one device.
struct SharedCopy {
    std::unique_ptr<Memory> memory;
    std::vector<Buffer> buffers;
    std::vector<ViewSlot> slots;  // in the order of SharedData::arrays(); on the CPU, those of the host
};

/// Type-erased shared data of one environment. Its arrays never change. All functions are thread-safe.
class SharedData {
  public:
    explicit SharedData(std::string environment) : environment_(std::move(environment)) {}
    virtual ~SharedData() = default;
    SharedData(const SharedData&) = delete;
    SharedData& operator=(const SharedData&) = delete;

    const std::string& environment() const { return environment_; }
    const std::vector<SharedArray>& arrays() const { return arrays_; }
    const std::vector<SharedConstant>& constants() const { return constants_; }
    /// Total size of all arrays.
    size_t bytes() const;
    /// False once any file that it was loaded from has changed.
    bool is_current() const { return loader_.is_current(); }
    /// The arrays on a device: uploaded by the first caller and shared by all callers while any of them holds the
    /// result. Waits. Throws std::runtime_error with the array's name and size if the device is out of memory. The
    /// result must not outlive this object.
    std::shared_ptr<const SharedCopy> copy_on(Device device) const;

  protected:
    Loader loader_;
    std::vector<SharedArray> arrays_;
    std::vector<SharedConstant> constants_;

  private:
    std::unique_ptr<SharedCopy> upload(Device device) const;

    std::string environment_;
    mutable std::mutex mutex_;
    mutable std::map<int, std::weak_ptr<const SharedCopy>> copies_;  // by the device's index
};

/// Shared data loaded by this process, keyed by environment and settings. One thread loads; others that need the same
/// data wait for it. A load that throws leaves no entry. Entries live as long as they are referenced; the most recently
/// requested one is kept alive, so that batches created one after another share it.
class SharedDataCache {
  public:
    using Load = std::function<std::shared_ptr<const SharedData>()>;
    /// The data loaded for `key`, if its files have not changed since; otherwise the result of `load`.
    std::shared_ptr<const SharedData> find_or_load(const std::string& key, const Load& load);
    /// How many times find_or_load called `load`.
    int64_t num_loads() const;
    /// Drops the reference to the most recent entry, which frees it if it is unused.
    void release_unused();

  private:
    struct Entry {
        std::mutex loading;
        std::weak_ptr<const SharedData> data;
    };
    std::shared_ptr<Entry> entry(const std::string& key);

    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Entry>> entries_;
    std::shared_ptr<const SharedData> last_;
    int64_t num_loads_ = 0;
};
/// The process-wide cache.
SharedDataCache& shared_data_cache();

/// Calls on_array(name, view) and on_constant(name, value) for the members of a Shared struct in the order of its
/// `fields`. A member with its own `fields` is visited recursively; its members are named "member.name".
template <class OnArray, class OnConstant>
struct SharedVisitor {
    OnArray& on_array;
    OnConstant& on_constant;
    std::string prefix;

    template <class T>
    void operator()(const char* name, View<T>& view) const {
        on_array((prefix + name).c_str(), view);
    }
    template <class T>
    void operator()(const char* name, T& member) const {
        SharedVisitor inner{on_array, on_constant, prefix + name + "."};
        if constexpr (requires { member.fields(inner); })
            member.fields(inner);
        else
            on_constant((prefix + name).c_str(), member);
    }
};
template <class Shared, class OnArray, class OnConstant>
void visit_shared(Shared& shared, OnArray on_array, OnConstant on_constant) {
    SharedVisitor<OnArray, OnConstant> visitor{on_array, on_constant, ""};
    shared.fields(visitor);
}

/// Typed shared data.
template <class Env>
class SharedDataOf final : public SharedData {
  public:
    SharedDataOf(const std::string& environment, const typename Env::Config& config)
        : SharedData(environment), host_(load(config)) {
        visit_shared(
            host_, [&](const char* name, auto& view) { add_array(name, view); },
            [&](const char* name, auto& value) { add_constant(name, value); });
        check_visited();
    }
    /// The host's version.
    const SharedOf<Env>& host() const { return host_; }
    /// A version whose views point to `slots`, in the order of arrays().
    SharedOf<Env> bound_to(const ViewSlot* slots) const {
        SharedOf<Env> bound = host_;
        visit_shared(
            bound, [&](const char*, auto& view) { view.slot = slots++; }, [](const char*, auto&) {});
        return bound;
    }

  private:
    SharedOf<Env> load(const typename Env::Config& config) {
        static_assert(std::is_trivially_copyable_v<SharedOf<Env>>,
                      "Shared: want only Views and plain data, which kernels take by value");
        if constexpr (requires { Env::load(config, loader_); })
            return Env::load(config, loader_);
        else
            return {};
    }
    template <class T>
    void add_array(const char* name, View<T>& view) {
        mark_visited(&view, sizeof view, alignof(View<T>));
        arrays_.push_back({name, view.slot ? *view.slot : ViewSlot{}, sizeof(T)});
    }
    template <class T>
    void add_constant(const char* name, T& value) {
        mark_visited(&value, sizeof value, alignof(T));
        std::string text;
        if constexpr (std::is_same_v<T, bool>)
            text = value ? "true" : "false";
        else if constexpr (std::is_integral_v<T>)
            text = std::to_string(value);
        else if constexpr (std::is_floating_point_v<T>)
            text = to_text(double(value));
        const char* bytes = reinterpret_cast<const char*>(&value);
        constants_.push_back({name, text, std::vector<char>(bytes, bytes + sizeof value)});
    }

    /// Checks for members that `fields` does not visit: they would be neither uploaded nor compared.
    struct Range {
        int64_t begin, end, alignment;
    };
    void mark_visited(const void* member, size_t bytes, size_t alignment) {
        const int64_t begin = static_cast<const char*>(member) - reinterpret_cast<const char*>(&host_);
        visited_.push_back({begin, begin + int64_t(bytes), int64_t(alignment)});
    }
    void check_visited() {
        if constexpr (!std::is_empty_v<SharedOf<Env>>)
            mark_visited(reinterpret_cast<const char*>(&host_) + sizeof host_, 0, alignof(SharedOf<Env>));
        std::sort(visited_.begin(), visited_.end(), [](Range a, Range b) { return a.begin < b.begin; });
        int64_t end = 0;
        for (const Range& range : visited_) {
            if (range.begin - end >= std::max<int64_t>(range.alignment, 4))
                throw std::logic_error(environment() + ": Shared has " + std::to_string(range.begin - end) +
                                       " bytes at offset " + std::to_string(end) + " that its `fields` does not visit");
            end = range.end;
        }
        visited_.clear();
    }

    SharedOf<Env> host_;
    std::vector<Range> visited_;
};

namespace detail {
/// The settings passed to `load`: those listed in Env::load_ignores have their defaults.
template <class Env>
typename Env::Config config_for_load(const typename Env::Config& config) {
    if constexpr (requires { Env::load_ignores; }) {
        Settings settings = write_config(config), defaults = write_config(typename Env::Config{});
        for (const char* name : Env::load_ignores) {
            if (!defaults.has(name)) throw std::logic_error("load_ignores: there is no setting " + std::string(name));
            settings.set(name, defaults.values().at(name));
        }
        typename Env::Config seen;
        read_config(seen, settings);
        return seen;
    } else {
        return config;
    }
}
}  // namespace detail

/// The shared data of an environment for these settings, from the cache or loaded now. Forwards exceptions of
/// Env::load; throws std::runtime_error if the host is out of memory.
template <class Env>
std::shared_ptr<const SharedDataOf<Env>> shared_data_of(const std::string& environment,
                                                        const typename Env::Config& config) {
    const typename Env::Config seen = detail::config_for_load<Env>(config);
    if constexpr (std::is_same_v<SharedOf<Env>, Nothing>)
        return std::make_shared<SharedDataOf<Env>>(environment, config);
    std::string key = environment;
    const Settings settings = write_config(seen);
    for (const auto& [name, value] : settings.values()) key += "\n" + name + " = " + to_text(value);
    const auto load = [&]() -> std::shared_ptr<const SharedDataOf<Env>> {
        try {
            return std::make_shared<SharedDataOf<Env>>(environment, seen);
        } catch (const std::bad_alloc&) {
            throw std::runtime_error("memory: the shared data of " + environment + " does not fit, free are " +
                                     std::to_string(free_host_bytes() >> 20) + " MiB");
        }
    };
    return std::static_pointer_cast<const SharedDataOf<Env>>(shared_data_cache().find_or_load(key, load));
}

}  // namespace flockstep

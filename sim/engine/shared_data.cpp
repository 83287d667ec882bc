#include "sim/engine/shared_data.h"

#include <utility>

namespace flockstep {

size_t SharedData::bytes() const {
    size_t total = 0;
    for (const SharedArray& array : arrays_) total += array.bytes();
    return total;
}

std::shared_ptr<const SharedCopy> SharedData::copy_on(Device device) const {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<const SharedCopy>& known = copies_[device.index];
    if (std::shared_ptr<const SharedCopy> copy = known.lock()) return copy;
    std::shared_ptr<const SharedCopy> copy = upload(device);
    known = copy;
    return copy;
}

std::unique_ptr<SharedCopy> SharedData::upload(Device device) const {
    auto copy = std::make_unique<SharedCopy>();
    copy->memory = make_memory(device);
    for (const SharedArray& array : arrays_) {
        copy->slots.push_back(array.slot);
        if (!device.is_cuda() || array.bytes() == 0) continue;
        copy->buffers.emplace_back(*copy->memory, array.bytes(), "shared data " + array.name + " of " + environment_);
        copy->memory->from_host(copy->buffers.back().data(), array.slot.data, array.bytes());
        copy->slots.back().data = copy->buffers.back().data();
    }
    return copy;
}

std::shared_ptr<SharedDataCache::Entry> SharedDataCache::entry(const std::string& key) {
    const std::lock_guard lock(mutex_);
    for (auto it = entries_.begin(); it != entries_.end();) {
        const bool is_unused = it->second.use_count() == 1 && it->second->data.expired();
        it = is_unused && it->first != key ? entries_.erase(it) : std::next(it);
    }
    std::shared_ptr<Entry>& found = entries_[key];
    if (!found) found = std::make_shared<Entry>();
    return found;
}

std::shared_ptr<const SharedData> SharedDataCache::find_or_load(const std::string& key, const Load& load) {
    const std::shared_ptr<Entry> found = entry(key);
    const std::lock_guard loading(found->loading);
    std::shared_ptr<const SharedData> data = found->data.lock();
    const bool is_known = data && data->is_current();
    if (!is_known) found->data = data = load();
    std::shared_ptr<const SharedData> before;  // destroyed after the lock is released
    const std::lock_guard lock(mutex_);
    num_loads_ += !is_known;
    before = std::exchange(last_, data);
    return data;
}

int64_t SharedDataCache::num_loads() const {
    const std::lock_guard lock(mutex_);
    return num_loads_;
}

void SharedDataCache::release_unused() {
    std::shared_ptr<const SharedData> last;
    const std::lock_guard lock(mutex_);
    last = std::exchange(last_, nullptr);
}

SharedDataCache& shared_data_cache() {
    static SharedDataCache cache;
    return cache;
}

}  // namespace flockstep

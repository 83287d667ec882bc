#include "tests/fuzz/targets.h"
#include "trainer/run/checkpoint_info.h"

namespace flockstep::fuzz {

void checkpoint(std::string_view bytes) {
    const MemoryFile file(bytes);
    Archive archive;
    const bool is_read = accepts([&] {
        archive = read_archive(file.path());
        uint64_t total = 0;
        for (const NamedArray& array : archive.arrays) total += array.bytes.size();
        expect(total <= bytes.size(), "more bytes than the file holds");
    });
    if (!is_read) return;
    accepts([&] {
        const CheckpointInfo info = read_info(archive);
        expect(!info.policies.empty(), "a checkpoint without policies");
        for (const PolicySpec& spec : info.policies)
            expect(!spec.parts.empty() && !spec.actions.empty(), "a policy without input or actions");
    });
}

}  // namespace flockstep::fuzz

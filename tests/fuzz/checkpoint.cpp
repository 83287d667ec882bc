#include "io/json.h"
#include "io/safetensors.h"
#include "tests/fuzz/targets.h"

namespace flockstep::fuzz {

void checkpoint(std::string_view bytes) {
    const MemoryFile file(bytes);
    accepts([&] {
        const Safetensors read = read_safetensors(file.path());
        uint64_t total = 0;
        for (const Safetensors::Array& array : read.arrays) total += array.bytes.size();
        constexpr uint64_t smallest_entry = 40;  // bytes of the header that name an array
        expect(total <= bytes.size() * (bytes.size() / smallest_entry + 1), "more bytes than the file holds");
        for (const auto& [name, text] : read.metadata) {
            const Json json = parse_json(text, 8);
            if (!json.is_discarded()) parse_json(to_line(json), 8);
        }
    });
}

}  // namespace flockstep::fuzz

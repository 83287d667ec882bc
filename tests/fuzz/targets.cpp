#include "tests/fuzz/targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include "io/quote.h"

namespace flockstep::fuzz {

namespace {
void judge_sentence(const std::string& sentence) {
    constexpr size_t longest = 2500;
    expect(!sentence.empty() && sentence.size() <= longest, "a refusal that is empty or too long");
    expect(escaped(sentence, longest) == sentence, "a refusal that is not one line of printable UTF-8");
    for (const char* leak : {"std::", "basic_string", "vector", "[json.exception", "stoi", "stod"})
        expect(sentence.rfind(leak, 0) != 0, "a refusal in a library's words");
}
}  // namespace

bool accepts(const std::function<void()>& reader) {
    try {
        reader();
        return true;
    } catch (const Finding&) {
        throw;
    } catch (const std::invalid_argument& error) {
        judge_sentence(error.what());
        return false;
    } catch (const std::exception& error) {
        throw Finding(std::string("an exception of another kind: ") + error.what());
    }
}

void expect(bool holds, const char* what) {
    if (!holds) throw Finding(what);
}

MemoryFile::MemoryFile(std::string_view bytes) : descriptor_(memfd_create("input", MFD_CLOEXEC)) {
    const bool is_written = descriptor_ >= 0 && write(descriptor_, bytes.data(), bytes.size()) == ssize_t(bytes.size());
    expect(is_written, "no memory for a file");
}
MemoryFile::~MemoryFile() { close(descriptor_); }
std::string MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

}  // namespace flockstep::fuzz

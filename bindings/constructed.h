#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

namespace flockstep {

/// Base of classes exposed to Python. Class.__new__(Class) skips the constructor; pybind11 then calls the class's
/// operator new when the object is first used, which throws here instead of handing out uninitialized memory. Use
/// construct() to create objects.
struct Constructed {
    static void* operator new(size_t) { throw std::invalid_argument("object: created without its constructor"); }
    static void operator delete(void* memory) { ::operator delete(memory); }
};

template <class T, class... Arguments>
std::unique_ptr<T> construct(Arguments&&... arguments) {
    return std::unique_ptr<T>(::new T(std::forward<Arguments>(arguments)...));
}

}  // namespace flockstep

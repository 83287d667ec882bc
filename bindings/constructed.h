#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>

namespace flockstep {

/// Base of classes that Python sees. Class.__new__(Class) makes an object without a value, for which pybind11 takes
/// memory where the value is first used, by the class's own operator new: here that is the place to refuse it. Values
/// are made by construct(), in ordinary memory.
struct Constructed {
    static void* operator new(size_t) { throw std::invalid_argument("object: it was made without its constructor"); }
    static void operator delete(void* memory) { ::operator delete(memory); }
};

template <class T, class... Arguments>
std::unique_ptr<T> construct(Arguments&&... arguments) {
    return std::unique_ptr<T>(::new T(std::forward<Arguments>(arguments)...));
}

}  // namespace flockstep

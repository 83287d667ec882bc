#pragma once

#include <algorithm>
#include <cstddef>

namespace flockstep {

/// A string literal as a template argument.
template <size_t length>
struct Name {
    char text[length];
    constexpr Name(const char (&literal)[length]) { std::copy_n(literal, length, text); }
};

}  // namespace flockstep

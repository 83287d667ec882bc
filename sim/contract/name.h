#pragma once

#include <cstddef>

/// Names as template arguments, so that each name gives a handle its own type:
///
///   template <Name name>
///   struct Handle { static constexpr const char* text = name.text; };
///   constexpr Handle<"position"> position;
namespace flockstep {

/// A string literal as a template argument; `text` is null-terminated.
template <size_t length>
struct Name {
    char text[length] = {};
    constexpr Name(const char (&literal)[length]) {
        for (size_t i = 0; i < length; ++i) text[i] = literal[i];
    }
};

}  // namespace flockstep

#pragma once

/// Catch2, version 2 or 3: include this in tests and nothing of Catch2's own. `Catch::Approx` exists in both.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
namespace Catch {
using Detail::Approx;
}
#endif

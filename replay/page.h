#pragma once

namespace flockstep {

/// The replay page before and after its JSON data: page.html with page.css and page.js, embedded by cmake/replay.cmake.
extern const char page_before_data[], page_after_data[];

}  // namespace flockstep

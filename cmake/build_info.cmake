# The target flockstep_build_info: build_version() and build_commit(), declared in the generated build_info.h. The commit
# is read at every build, so that a benchmark row names the code that ran. Also run as a script: cmake -P.
if(CMAKE_SCRIPT_MODE_FILE)
    execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
        OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(failed OR commit STREQUAL "")
        set(commit unknown)
    endif()
    configure_file(${SOURCE}/cmake/build_info.cpp.in ${OUT}/build_info.cpp @ONLY)
    return()
endif()

set(info ${PROJECT_BINARY_DIR}/generated/build_info)
configure_file(${PROJECT_SOURCE_DIR}/cmake/build_info.h.in ${info}/build_info.h @ONLY)
add_custom_target(flockstep_commit BYPRODUCTS ${info}/build_info.cpp VERBATIM COMMAND ${CMAKE_COMMAND}
    -DSOURCE=${PROJECT_SOURCE_DIR} -DOUT=${info} -Dversion=${PROJECT_VERSION} -P ${CMAKE_CURRENT_LIST_FILE})
add_library(flockstep_build_info STATIC ${info}/build_info.cpp)
add_dependencies(flockstep_build_info flockstep_commit)
target_include_directories(flockstep_build_info PUBLIC ${info})

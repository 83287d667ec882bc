# Flags, as two interface targets, and how a folder's sources are listed.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
set(CMAKE_CUDA_EXTENSIONS OFF)
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_CUDA_FLAGS_RELEASE "-O3 -DNDEBUG")
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# All code may become part of a Python module.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fPIC> $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-fPIC>)

set(host $<COMPILE_LANGUAGE:CXX>)
set(device $<COMPILE_LANGUAGE:CUDA>)

# g++ does not know nvcc's #pragma unroll; g++ 12 warns of its own std::string (GCC bug 105651).
set(quiet -Wno-unknown-pragmas)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    list(APPEND quiet -Wno-restrict)
endif()
string(REPLACE ";" "," quiet_nvcc "${quiet}")

# All our code. Without contraction on the host, so that an inline function of sim/ is the same wherever it is compiled.
# That no floating-point exception is trapped and no errno is read changes no result; without it loops with a choice in
# them are not vectorised.
add_library(flockstep_host INTERFACE)
target_include_directories(flockstep_host INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(flockstep_host INTERFACE
    $<${host}:-Wall -Wextra ${quiet} -ffp-contract=off -fno-trapping-math -fno-math-errno -fopenmp>
    $<${device}:--expt-relaxed-constexpr --extended-lambda -diag-suppress=20011,20012,20014 -Xcompiler=-Wall,-Wextra,${quiet_nvcc},-ffp-contract=off,-fopenmp>)
target_link_options(flockstep_host INTERFACE -fopenmp)

# Rules, engine and their tests: the same bits on CPU and GPU. An environment becomes one large function per path of the
# engine, where the passes below take most of g++'s time (mpe_spread: 32 s with them, 12 s without) and are not measured
# to make a step faster; the limit keeps long loops of known length (Philox) from being unrolled at every draw.
add_library(flockstep_exact INTERFACE)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(flockstep_exact INTERFACE
        "$<${host}:-fno-unswitch-loops;-fno-peel-loops;-fno-gcse-after-reload;-fno-split-loops;-fno-ipa-cp-clone;--param=max-completely-peeled-insns=60>")
endif()
target_compile_options(flockstep_exact INTERFACE
    $<${device}:--fmad=false> $<$<AND:${host},$<BOOL:${FLOCKSTEP_NATIVE}>>:-march=native>)

# Files, pages, the command line and the Python modules: large headers and no hot loop. g++ needs a third less for them.
add_library(flockstep_cold INTERFACE)
target_compile_options(flockstep_cold INTERFACE $<${host}:-O1>)
function(flockstep_cold_sources)  # the same for some sources of a target
    set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS $<$<COMPILE_LANGUAGE:CXX>:-O1>)
endfunction()

# Sanitizers come with assertions.
if(FLOCKSTEP_SANITIZE)
    add_compile_options($<${host}:-UNDEBUG> $<${host}:-fsanitize=${FLOCKSTEP_SANITIZE}> $<${host}:-fno-omit-frame-pointer>)
    add_link_options(-fsanitize=${FLOCKSTEP_SANITIZE})
endif()

# ccache. It fails where its folder cannot be written, as for a user without a home; then the build does without.
find_program(FLOCKSTEP_CCACHE ccache DOC "ccache, or empty")
if(FLOCKSTEP_CCACHE)
    file(WRITE ${PROJECT_BINARY_DIR}/generated/ccache_probe.cpp "int probe;\n")
    execute_process(COMMAND ${FLOCKSTEP_CCACHE} ${CMAKE_CXX_COMPILER} -c ccache_probe.cpp -o ccache_probe.o
        WORKING_DIRECTORY ${PROJECT_BINARY_DIR}/generated RESULT_VARIABLE ccache_status OUTPUT_QUIET ERROR_QUIET)
endif()
if("${ccache_status}" STREQUAL "0")
    set(CMAKE_CXX_COMPILER_LAUNCHER ${FLOCKSTEP_CCACHE})
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${FLOCKSTEP_CCACHE})
endif()

# The *.cpp of some folders, and their *.cu where CUDA is on.
function(flockstep_sources result)
    set(patterns)
    foreach(folder ${ARGN})
        list(APPEND patterns ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
        if(FLOCKSTEP_WITH_CUDA)
            list(APPEND patterns ${PROJECT_SOURCE_DIR}/${folder}/*.cu)
        endif()
    endforeach()
    file(GLOB sources CONFIGURE_DEPENDS ${patterns})
    set(${result} ${sources} PARENT_SCOPE)
endfunction()

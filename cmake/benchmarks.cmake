# The target flockstep_bench: what `flockstep bench` measures by, without LibTorch; and build/benchmarks/NAME from each
# benchmarks/NAME_main.cpp.
flockstep_sources(bench_sources benchmarks)
set(program_sources ${bench_sources})
list(FILTER bench_sources EXCLUDE REGEX "_main\\.cpp$")
list(FILTER program_sources INCLUDE REGEX "_main\\.cpp$")
add_library(flockstep_bench STATIC ${bench_sources})
target_link_libraries(flockstep_bench PUBLIC flockstep_sim PRIVATE flockstep_cold)

if(FLOCKSTEP_BENCHMARKS)
    foreach(source ${program_sources})
        get_filename_component(name ${source} NAME_WE)
        string(REGEX REPLACE "_main$" "" name ${name})
        add_executable(benchmark_${name} ${source})
        target_link_libraries(benchmark_${name} PRIVATE flockstep_bench flockstep_envs)
        if(TARGET flockstep_test_envs)  # of which one stands for large observations
            target_link_libraries(benchmark_${name} PRIVATE flockstep_test_envs)
            target_compile_definitions(benchmark_${name} PRIVATE FLOCKSTEP_WITH_TEST_ENVIRONMENTS=1)
        endif()
        set_target_properties(benchmark_${name} PROPERTIES OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/benchmarks)
    endforeach()
endif()

# build/benchmarks/NAME from each benchmarks/NAME.cpp or NAME.cu.
if(FLOCKSTEP_BENCHMARKS)
    flockstep_sources(benchmark_sources benchmarks)
    foreach(source ${benchmark_sources})
        get_filename_component(name ${source} NAME_WE)
        add_executable(benchmark_${name} ${source})
        target_link_libraries(benchmark_${name} PRIVATE flockstep_sim flockstep_envs flockstep_exact)
        if(TARGET flockstep_test_envs)  # of which one stands for large observations
            target_link_libraries(benchmark_${name} PRIVATE flockstep_test_envs)
            target_compile_definitions(benchmark_${name} PRIVATE FLOCKSTEP_WITH_TEST_ENVIRONMENTS=1)
        endif()
        set_target_properties(benchmark_${name} PROPERTIES OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/benchmarks)
    endforeach()
endif()

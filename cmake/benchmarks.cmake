# build/benchmarks/NAME from each benchmarks/NAME.cpp or NAME.cu.
if(FLOCKSTEP_BENCHMARKS)
    flockstep_sources(benchmark_sources benchmarks)
    foreach(source ${benchmark_sources})
        get_filename_component(name ${source} NAME_WE)
        add_executable(benchmark_${name} ${source})
        target_link_libraries(benchmark_${name} PRIVATE flockstep_sim flockstep_envs flockstep_exact)
        set_target_properties(benchmark_${name} PROPERTIES OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/benchmarks)
    endforeach()
endif()

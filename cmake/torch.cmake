# LibTorch from the torch wheel, as the target flockstep_torch; sets FLOCKSTEP_WITH_TORCH.
# Not by find_package(Torch): it insists on a CUDA toolkit, and adds its own flags to every kernel.
set(FLOCKSTEP_WITH_TORCH FALSE)
if(NOT FLOCKSTEP_TRAINER STREQUAL "OFF")
    flockstep_find_module(torch_root torch)
    if(torch_root AND EXISTS ${torch_root}/lib/libtorch_cpu.so)
        set(FLOCKSTEP_WITH_TORCH TRUE)
    elseif(FLOCKSTEP_TRAINER STREQUAL "ON")
        message(FATAL_ERROR "FLOCKSTEP_TRAINER=ON: ${Python_EXECUTABLE} has no torch; pip install torch==2.11.0")
    endif()
endif()

if(FLOCKSTEP_WITH_TORCH)
    file(STRINGS ${torch_root}/version.py torch_version REGEX "^__version__")
    string(REGEX REPLACE ".*'([^']*)'.*" "\\1" torch_version "${torch_version}")
    if(NOT torch_version MATCHES "^2\\.11\\.")
        message(WARNING "torch ${torch_version} in ${torch_root}: Flockstep is written for 2.11")
    endif()
    add_library(flockstep_torch INTERFACE)
    target_include_directories(flockstep_torch SYSTEM INTERFACE
        ${torch_root}/include ${torch_root}/include/torch/csrc/api/include)
    target_compile_definitions(flockstep_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
    target_link_libraries(flockstep_torch INTERFACE ${torch_root}/lib/libtorch_cpu.so ${torch_root}/lib/libc10.so)
    set(torch_kind "on the CPU alone")
    if(FLOCKSTEP_WITH_CUDA AND EXISTS ${torch_root}/lib/libtorch_cuda.so)
        # Nothing calls into libtorch_cuda by name, it registers itself: the linker must not drop it. One word, so that
        # CMake does not take the flags and the files apart.
        target_link_libraries(flockstep_torch INTERFACE
            -Wl,--push-state,--no-as-needed,${torch_root}/lib/libtorch_cuda.so,${torch_root}/lib/libc10_cuda.so,--pop-state)
        target_compile_definitions(flockstep_torch INTERFACE FLOCKSTEP_TORCH_WITH_CUDA=1)
        set(torch_kind "with CUDA")
    endif()
    message(STATUS "LibTorch: ${torch_version} in ${torch_root}, ${torch_kind}")
else()
    message(STATUS "LibTorch: off; the trainer and the command line are not built")
endif()

# Finds the Python that the module is built for and that torch, pybind11 and PyPI's nvcc are looked for in.
include_guard(GLOBAL)

if(FLOCKSTEP_PYTHON AND NOT Python_EXECUTABLE)
    find_program(python ${FLOCKSTEP_PYTHON} NO_CACHE)
    if(NOT python)
        message(FATAL_ERROR "FLOCKSTEP_PYTHON: got ${FLOCKSTEP_PYTHON}, which is not a program")
    endif()
    set(Python_EXECUTABLE ${python})
endif()
set(Python_FIND_VIRTUALENV FIRST)
find_package(Python 3.10 COMPONENTS Interpreter OPTIONAL_COMPONENTS Development.Module)

# Folder of an installed Python package, without importing it; empty when it is not there.
function(flockstep_find_module result name)
    set(folder)
    if(Python_EXECUTABLE)
        execute_process(COMMAND ${Python_EXECUTABLE} -c
            "import importlib.util as u; s = u.find_spec('${name}'); print(s.submodule_search_locations[0] if s else '')"
            OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    endif()
    set(${result} "${folder}" PARENT_SCOPE)
endfunction()

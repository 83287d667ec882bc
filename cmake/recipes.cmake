# The training recipes, configs/NAME.toml, as text in the program: the target flockstep_recipes, which defines
# shipped_recipes() of cli/recipes.h; the files are part of a wheel too. Also run as a script: cmake -P.
if(CMAKE_SCRIPT_MODE_FILE)
    set(entries)
    file(GLOB files ${SOURCE}/*.toml)  # in alphabetical order
    foreach(file ${files})
        get_filename_component(name ${file} NAME_WE)
        file(READ ${file} text)
        string(APPEND entries "        {\"${name}\", R\"recipe(${text})recipe\"},\n")
    endforeach()
    file(WRITE ${OUT} "#include \"cli/recipes.h\"\n\nnamespace flockstep {\n\nconst std::vector<Recipe>& shipped_recipes() {\n    static const std::vector<Recipe> recipes{\n${entries}    };\n    return recipes;\n}\n\n}  // namespace flockstep\n")
    return()
endif()

file(GLOB recipes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/configs/*.toml)
set(source ${PROJECT_BINARY_DIR}/generated/recipes/recipes.cpp)
add_custom_command(OUTPUT ${source} VERBATIM
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR}/configs -DOUT=${source} -P ${CMAKE_CURRENT_LIST_FILE}
    DEPENDS ${recipes} ${CMAKE_CURRENT_LIST_FILE})
add_library(flockstep_recipes STATIC ${source})
target_link_libraries(flockstep_recipes PUBLIC flockstep_host)

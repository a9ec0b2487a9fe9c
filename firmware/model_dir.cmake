# Sets `generated`: the folder of the model that is compiled in, as `make export` wrote
# it: build/<model>/component, or wherever ESP8K_MODEL_DIR points.
if(DEFINED ENV{ESP8K_MODEL_DIR})
    set(generated "$ENV{ESP8K_MODEL_DIR}")
elseif(DEFINED ENV{MODEL})
    set(generated "${CMAKE_CURRENT_LIST_DIR}/../build/$ENV{MODEL}/component")
else()
    set(generated "${CMAKE_CURRENT_LIST_DIR}/../build/v3/component")
endif()
get_filename_component(generated "${generated}" ABSOLUTE)

# Such a path is several in CMake's lists, or none in Ninja's files.
if(generated MATCHES "[;\"|\n]|\\$[({]")
    message(FATAL_ERROR "CMake cannot build from a folder whose path has "
        "; \" | $( \${ or a line end: move ${generated}")
endif()

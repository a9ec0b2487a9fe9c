# Every build ends with one file from address 0: merged.bin in the build folder, and
# beside the model's other firmware, where `esp8k web` looks for what its page installs.
# PlatformIO builds no custom target: there `make build` merges.
idf_build_get_property(python PYTHON)
idf_build_get_property(chip IDF_TARGET)
idf_build_get_property(build_dir BUILD_DIR)

set(merged "${build_dir}/merged.bin")
set(parts gen_project_binary partition_table_bin)
if(TARGET bootloader)
    list(APPEND parts bootloader)
endif()
set(to_page "${CMAKE_COMMAND}" -E echo "merged: ${merged}")
if(EXISTS "${generated}/../model.json")
    get_filename_component(page_dir "${generated}/../idf-${chip}" ABSOLUTE)
    set(to_page "${CMAKE_COMMAND}" -E copy_if_different "${merged}" "${page_dir}/")
    file(MAKE_DIRECTORY "${page_dir}")
endif()
add_custom_target(merged ALL
    COMMAND "${python}" -m esptool --chip "${chip}" merge_bin -o "${merged}" @flash_args
    COMMAND ${to_page}
    DEPENDS ${parts}
    WORKING_DIRECTORY "${build_dir}"
    VERBATIM)

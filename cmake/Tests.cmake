# SPDX-License-Identifier: GPL-2.0-or-later
# Test programs and scripts; a new file needs no edit here (a script begins with "#!", else it is a part that others
# source).  Each prints "ok - NAME" or "not ok - NAME" for each case,
# exits non-zero where one failed, and 77 where nothing could be tested.
#
# A test may say more in its first lines, as a comment of its own:   # labels: slow     /* timeout: 1800 */
function(df_test name label file)
	set(labels ${label})
	set(timeout 900)
	file(STRINGS ${file} settings LIMIT_COUNT 10 REGEX "^(#|/\\*) (labels|timeout): ")
	foreach(setting ${settings})
		if(setting MATCHES " labels: ([a-z ]+)")
			string(STRIP "${CMAKE_MATCH_1}" more)
			separate_arguments(more UNIX_COMMAND "${more}")
			list(APPEND labels ${more})
		elseif(setting MATCHES " timeout: ([0-9]+)")
			set(timeout ${CMAKE_MATCH_1})
		endif()
	endforeach()
	add_test(NAME ${label}/${name} COMMAND ${ARGN})
	set_tests_properties(${label}/${name} PROPERTIES
		LABELS "${labels}" SKIP_RETURN_CODE 77 TIMEOUT ${timeout} ENVIRONMENT "${test_environment}")
endfunction()

# What checks dumps links the decompressors itself: it must not believe the library.
add_library(df_decoders INTERFACE)
target_link_libraries(df_decoders INTERFACE df_flags PkgConfig::ZLIB)
foreach(name LZO SNAPPY ZSTD)
	if(WITH_${name})
		target_link_libraries(df_decoders INTERFACE PkgConfig::${name})
	endif()
endforeach()

# tests/builder: files with a main() are programs, the others are the library that these and the unit tests use.
file(GLOB builder_sources CONFIGURE_DEPENDS tests/builder/*.c)
set(builder_programs "")
foreach(source ${builder_sources})
	file(STRINGS ${source} main REGEX "^int main\\(")
	if(main)
		list(APPEND builder_programs ${source})
	endif()
endforeach()
list(REMOVE_ITEM builder_sources ${builder_programs} "")
add_library(df_builder STATIC EXCLUDE_FROM_ALL ${builder_sources})
target_include_directories(df_builder PUBLIC tests/builder)
target_link_libraries(df_builder PUBLIC df_flags)

file(GLOB tool_programs CONFIGURE_DEPENDS tests/tools/*.c)
foreach(source ${builder_programs} ${tool_programs})
	cmake_path(GET source STEM name)
	add_executable(${name} ${source})
	target_link_libraries(${name} PRIVATE df_builder df_decoders Threads::Threads)
	target_include_directories(${name} PRIVATE tests include)
endforeach()

set(test_environment
	DF_SRC=${PROJECT_SOURCE_DIR} DF_BUILD=${PROJECT_BINARY_DIR} MAKEDUMPFILE=$<TARGET_FILE:makedumpfile>
	CC=${CMAKE_C_COMPILER} CMAKE=${CMAKE_COMMAND} DF_SANITIZE=${DF_SANITIZE})

# Unit tests see internal names: they link the objects, not the library.  Other files of the folder are their helpers.
file(GLOB unit_tests CONFIGURE_DEPENDS tests/unit/test_*.c)
file(GLOB unit_helpers CONFIGURE_DEPENDS tests/unit/*.c)
list(REMOVE_ITEM unit_helpers ${unit_tests} "")
add_library(df_unit_helpers INTERFACE)
if(unit_helpers)
	add_library(df_unit_helper_files STATIC EXCLUDE_FROM_ALL ${unit_helpers})
	target_include_directories(df_unit_helper_files PRIVATE tests lib include)
	target_link_libraries(df_unit_helper_files PUBLIC df_builder df_decoders)
	target_link_libraries(df_unit_helpers INTERFACE df_unit_helper_files)
endif()
foreach(source ${unit_tests})
	cmake_path(GET source STEM name)
	add_executable(${name} ${source})
	target_include_directories(${name} PRIVATE tests)
	target_link_libraries(${name} PRIVATE df_objects df_unit_helpers df_builder df_decoders)
	df_test(${name} unit ${source} ${name})
endforeach()

foreach(folder cli lint install real)
	file(GLOB scripts CONFIGURE_DEPENDS tests/${folder}/*.sh)
	foreach(script ${scripts})
		file(READ ${script} shebang LIMIT 2)
		if(NOT shebang MATCHES "^#!")
			continue()
		endif()
		cmake_path(GET script STEM name)
		df_test(${name} ${folder} ${script} ${script})
	endforeach()
endforeach()

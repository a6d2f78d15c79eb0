# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz targets, one a parser: tests/fuzz/fuzz_NAME.c with the seeds in tests/fuzz/corpus/NAME.  Each is also a test of a few
# seconds, so that a target that no longer builds or fails on its seeds is seen.

file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source ${fuzz_sources})
	cmake_path(GET source STEM name)
	string(REPLACE "fuzz_" "" corpus ${name})
	set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${corpus})
	add_executable(${name} ${source})
	target_include_directories(${name} PRIVATE tests)
	target_link_libraries(${name} PRIVATE df_objects)
	target_link_options(${name} PRIVATE -fsanitize=fuzzer)
	set(arguments -runs=20000 -max_total_time=20)
	if(EXISTS ${corpus})
		# New inputs go to the first folder, which lies in the build tree.
		file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/corpus/${name})
		list(APPEND arguments ${PROJECT_BINARY_DIR}/corpus/${name} ${corpus})
	endif()
	add_test(NAME fuzz/${name} COMMAND ${name} ${arguments})
	set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endforeach()

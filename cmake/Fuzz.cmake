# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzz targets, one a parser: tests/fuzz/fuzz_NAME.c with its seeds in tests/fuzz/seeds/NAME.  Every build replays the seeds
# (replay.c instead of libFuzzer); with DF_FUZZ there are the targets themselves too, which tests/fuzz/run lets run.

file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/fuzz_*.c)
foreach(source ${fuzz_sources})
	cmake_path(GET source STEM name)
	string(REPLACE "fuzz_" "" seeds ${name})
	set(seeds ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${seeds})
	add_executable(replay_${name} ${source} tests/fuzz/replay.c)
	add_test(NAME fuzz/${name} COMMAND replay_${name} ${seeds})
	set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 120)
	set(targets replay_${name})
	if(DF_FUZZ)
		add_executable(${name} ${source})
		target_link_options(${name} PRIVATE -fsanitize=fuzzer)
		list(APPEND targets ${name})
	endif()
	foreach(target ${targets})
		target_include_directories(${target} PRIVATE tests)
		target_link_libraries(${target} PRIVATE df_objects df_builder)
	endforeach()
endforeach()

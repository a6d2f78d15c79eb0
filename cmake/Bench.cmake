# SPDX-License-Identifier: GPL-2.0-or-later
# What benchmarks/run needs beside the tool: one program a file of benchmarks/*.c, and the target "bench" that runs all of it.
# limit_* and probe_* look at internal names: they link the objects.  The others use the public library or nothing of it.

file(GLOB bench_sources CONFIGURE_DEPENDS benchmarks/*.c)
foreach(source ${bench_sources})
	cmake_path(GET source STEM name)
	add_executable(${name} ${source})
	target_link_libraries(${name} PRIVATE df_flags Threads::Threads)
	set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/benchmarks)
	if(name MATCHES "^(limit|probe)_")
		target_link_libraries(${name} PRIVATE df_objects)
	elseif(name STREQUAL plan_only)
		target_link_libraries(${name} PRIVATE dumpfilter)
	endif()
endforeach()

file(GLOB gen_sources CONFIGURE_DEPENDS benchmarks/gen/*.c)
add_executable(gen_vmcore ${gen_sources})
target_link_libraries(gen_vmcore PRIVATE df_flags)
set_target_properties(gen_vmcore PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/benchmarks)

add_custom_target(bench
	COMMAND ${PROJECT_SOURCE_DIR}/benchmarks/run --build ${PROJECT_BINARY_DIR}
	USES_TERMINAL VERBATIM)

# SPDX-License-Identifier: GPL-2.0-or-later
# makedumpfile, a user of the public header like any other; its manual page and the completions of shells are made from the
# table of options.

file(GLOB tool_sources CONFIGURE_DEPENDS tools/makedumpfile/*.c)
foreach(generator mangen compgen)
	list(REMOVE_ITEM tool_sources ${PROJECT_SOURCE_DIR}/tools/makedumpfile/${generator}.c)
endforeach()

add_executable(makedumpfile ${tool_sources})
target_link_libraries(makedumpfile PRIVATE df_flags)
if(DF_STATIC_TOOL)
	add_dependencies(makedumpfile dumpfilter_static)
	target_include_directories(makedumpfile PRIVATE include ${JSONC_INCLUDE_DIRS})
	target_link_options(makedumpfile PRIVATE -static)
	# By name: the targets of pkg-config are shared libraries.
	target_link_libraries(makedumpfile PRIVATE
		$<TARGET_FILE:dumpfilter_static> ${df_link_names} ${JSONC_STATIC_LIBRARIES} Threads::Threads)
else()
	target_link_libraries(makedumpfile PRIVATE dumpfilter PkgConfig::JSONC)
	# An installed tool finds the library of its own prefix; CMAKE_SKIP_INSTALL_RPATH=ON leaves that to the system.
	file(RELATIVE_PATH sbin_to_lib ${CMAKE_INSTALL_FULL_SBINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
	set_target_properties(makedumpfile PROPERTIES INSTALL_RPATH "$ORIGIN/${sbin_to_lib}")
endif()

set(manual ${PROJECT_BINARY_DIR}/makedumpfile.8)
set(manual_source ${PROJECT_SOURCE_DIR}/docs/makedumpfile.8.in)
add_executable(mangen tools/makedumpfile/mangen.c)
target_include_directories(mangen PRIVATE tools/makedumpfile include)
target_link_libraries(mangen PRIVATE df_flags)
add_custom_command(OUTPUT ${manual}
	COMMAND mangen ${manual_source} > ${manual}.new
	COMMAND ${CMAKE_COMMAND} -E rename ${manual}.new ${manual}
	DEPENDS mangen ${manual_source} tools/makedumpfile/options.def tools/makedumpfile/combinations.def
	VERBATIM)
set(installed_manual ${PROJECT_BINARY_DIR}/man8/makedumpfile.8)
add_custom_command(OUTPUT ${installed_manual}
	COMMAND ${CMAKE_COMMAND} -DFROM=${manual} -DTO=${installed_manual} -DNAME=makedumpfile -DVERSION=${PROJECT_VERSION}
		-P ${PROJECT_SOURCE_DIR}/cmake/Manual.cmake
	DEPENDS ${manual} cmake/Manual.cmake include/libdumpfilter.h
	VERBATIM)
add_custom_target(manual ALL DEPENDS ${installed_manual})

# Where distributions look; zsh of Debian's packages also in share/zsh/vendor-completions.
set(DF_BASH_COMPLETION_DIR ${CMAKE_INSTALL_DATADIR}/bash-completion/completions CACHE STRING
	"Where the completion for bash is installed")
set(DF_ZSH_COMPLETION_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
	"Where the completion for zsh is installed")
set(DF_FISH_COMPLETION_DIR ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d CACHE STRING
	"Where the completion for fish is installed")
add_executable(compgen tools/makedumpfile/compgen.c)
target_include_directories(compgen PRIVATE tools/makedumpfile include)
target_link_libraries(compgen PRIVATE df_flags)
set(completions "")
foreach(row "bash makedumpfile ${DF_BASH_COMPLETION_DIR}" "zsh _makedumpfile ${DF_ZSH_COMPLETION_DIR}"
		"fish makedumpfile.fish ${DF_FISH_COMPLETION_DIR}")
	string(REGEX MATCH "^([a-z]+) ([^ ]+) (.*)$" row "${row}")
	set(shell ${CMAKE_MATCH_1})
	set(file ${PROJECT_BINARY_DIR}/completions/${CMAKE_MATCH_2})
	set(folder ${CMAKE_MATCH_3})
	add_custom_command(OUTPUT ${file}
		COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/completions
		COMMAND compgen ${shell} > ${file}.new
		COMMAND ${CMAKE_COMMAND} -E rename ${file}.new ${file}
		DEPENDS compgen tools/makedumpfile/options.def
		VERBATIM)
	list(APPEND completions ${file})
	install(FILES ${file} DESTINATION ${folder})
endforeach()
add_custom_target(completions ALL DEPENDS ${completions})

install(TARGETS makedumpfile RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(FILES ${installed_manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

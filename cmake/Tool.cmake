# SPDX-License-Identifier: GPL-2.0-or-later
# makedumpfile, a user of the public header like any other; its manual page is made from the table of options.

file(GLOB tool_sources CONFIGURE_DEPENDS tools/makedumpfile/*.c)
list(REMOVE_ITEM tool_sources ${PROJECT_SOURCE_DIR}/tools/makedumpfile/mangen.c)

add_executable(makedumpfile ${tool_sources})
target_link_libraries(makedumpfile PRIVATE dumpfilter df_flags PkgConfig::JSONC)
# An installed tool finds the library of its own prefix; CMAKE_SKIP_INSTALL_RPATH=ON leaves that to the system.
file(RELATIVE_PATH sbin_to_lib ${CMAKE_INSTALL_FULL_SBINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(makedumpfile PROPERTIES INSTALL_RPATH "$ORIGIN/${sbin_to_lib}")

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
add_custom_target(manual ALL DEPENDS ${manual})

install(TARGETS makedumpfile RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)

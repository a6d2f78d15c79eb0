# SPDX-License-Identifier: GPL-2.0-or-later
# What "cmake --install" puts where: GNUInstallDirs, any prefix, DESTDIR.
include(CMakePackageConfigHelpers)
include(${CMAKE_CURRENT_LIST_DIR}/Manual.cmake)

install(TARGETS dumpfilter dumpfilter_static EXPORT libdumpfilter
	ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
	LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/libdumpfilter.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# pkg-config: the prefix is relative to the file, so that an installed tree can be moved.  What is built for /usr stays there,
# and only by plain names pkg-config knows that the compiler looks into its folders anyway.
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_LIBDIR libdir_is_absolute)
cmake_path(SET pc_prefix NORMALIZE "${CMAKE_INSTALL_PREFIX}/")
if(libdir_is_absolute)
	set(df_pc_prefix ${CMAKE_INSTALL_PREFIX})
	set(df_pc_libdir ${CMAKE_INSTALL_LIBDIR})
elseif(pc_prefix STREQUAL "/usr/")
	set(df_pc_prefix /usr)
	set(df_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
else()
	file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
	string(REGEX REPLACE "/$" "" up "${up}")
	set(df_pc_prefix "\${pcfiledir}/${up}")
	set(df_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
cmake_path(IS_ABSOLUTE CMAKE_INSTALL_INCLUDEDIR includedir_is_absolute)
if(includedir_is_absolute)
	set(df_pc_includedir ${CMAKE_INSTALL_INCLUDEDIR})
else()
	set(df_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
list(JOIN df_pc_modules ", " df_pc_requires)
list(JOIN df_pc_libs " " df_pc_private)
configure_file(libdumpfilter.pc.in libdumpfilter.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/libdumpfilter.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/libdumpfilter)
install(EXPORT libdumpfilter NAMESPACE libdumpfilter:: FILE libdumpfilter-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/libdumpfilter-config.cmake.in ${PROJECT_BINARY_DIR}/libdumpfilter-config.cmake
	INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/libdumpfilter-config-version.cmake
	COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/libdumpfilter-config.cmake ${PROJECT_BINARY_DIR}/libdumpfilter-config-version.cmake
	DESTINATION ${package_dir})

file(GLOB documents CONFIGURE_DEPENDS docs/*.md docs/*.schema.json)
install(FILES README.md LICENSE ${documents} DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY LICENSES DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Manual pages of the library.  Where one tells of several functions, the names after the first one lead to it.
file(GLOB pages CONFIGURE_DEPENDS docs/man3/*.3)
foreach(page ${pages})
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
	cmake_path(GET page STEM first)
	df_manual(${page} ${PROJECT_BINARY_DIR}/man3/${first}.3 libdumpfilter ${PROJECT_VERSION})
	install(FILES ${PROJECT_BINARY_DIR}/man3/${first}.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
	file(STRINGS ${page} names REGEX "^\\.Nm dumpfilter_")
	list(TRANSFORM names REPLACE "^\\.Nm ([a-z_]+).*" "\\1")
	list(REMOVE_ITEM names ${first})
	foreach(name ${names})
		file(WRITE ${PROJECT_BINARY_DIR}/man3/${name}.3 ".so man3/${first}.3\n")
		install(FILES ${PROJECT_BINARY_DIR}/man3/${name}.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
	endforeach()
endforeach()

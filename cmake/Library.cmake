# SPDX-License-Identifier: GPL-2.0-or-later
# One set of objects makes the shared library, the static one and, with internal names in reach, the unit tests.

# Every folder of lib/ is globbed: a new file needs no edit here.  Codecs come and go with their switch.
file(GLOB lib_sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} lib/*/*.c)
if(WITH_LIBDEFLATE)
	list(REMOVE_ITEM lib_sources lib/codec/zlib_zlib.c)
else()
	list(REMOVE_ITEM lib_sources lib/codec/zlib_deflate.c)
endif()
foreach(name LZO SNAPPY ZSTD)
	if(NOT WITH_${name})
		string(TOLOWER ${name} file)
		list(REMOVE_ITEM lib_sources lib/codec/${file}.c)
	endif()
endforeach()
if(WITH_DEBUGINFO)
	list(REMOVE_ITEM lib_sources lib/debuginfo/none.c)
else()
	list(FILTER lib_sources EXCLUDE REGEX "^lib/debuginfo/")
	list(APPEND lib_sources lib/debuginfo/none.c)
endif()

add_library(df_objects OBJECT ${lib_sources})
target_include_directories(df_objects PUBLIC lib include)
target_link_libraries(df_objects PUBLIC df_flags ${df_link_targets})

set(map ${PROJECT_SOURCE_DIR}/lib/libdumpfilter.map)
add_library(dumpfilter SHARED)
add_library(dumpfilter_static STATIC)
target_link_libraries(dumpfilter PRIVATE df_objects)
target_link_options(dumpfilter PRIVATE -Wl,--version-script=${map} -Wl,--as-needed)
if(NOT DF_SANITIZE)
	target_link_options(dumpfilter PRIVATE -Wl,-z,defs) # clang leaves its sanitizer's names undefined
endif()
set_target_properties(dumpfilter PROPERTIES
	LINK_DEPENDS ${map} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME libdumpfilter)
target_sources(dumpfilter_static PRIVATE $<TARGET_OBJECTS:df_objects>)
target_link_libraries(dumpfilter_static
	PRIVATE $<BUILD_INTERFACE:df_flags>
	INTERFACE $<BUILD_INTERFACE:${df_link_targets}> "$<INSTALL_INTERFACE:${df_link_names}>"
		$<INSTALL_INTERFACE:Threads::Threads>)
set_target_properties(dumpfilter_static PROPERTIES
	LINKER_LANGUAGE C OUTPUT_NAME dumpfilter EXPORT_NAME libdumpfilter_static)
foreach(lib dumpfilter dumpfilter_static)
	target_include_directories(${lib} INTERFACE
		$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
add_library(libdumpfilter::libdumpfilter ALIAS dumpfilter)
add_library(libdumpfilter::libdumpfilter_static ALIAS dumpfilter_static)

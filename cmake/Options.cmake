# SPDX-License-Identifier: GPL-2.0-or-later
# Switches of the build and the compiler flags that follow from them.

option(WITH_LZO "LZO compression through liblzo2 (GPL: makes the library as a whole GPL, see LICENSE)" ON)
option(WITH_LIBDEFLATE "zlib compression through libdeflate, which is faster; OFF: through zlib" ON)
option(WITH_SNAPPY "snappy compression" ON)
option(WITH_ZSTD "zstd compression" ON)
option(WITH_DEBUGINFO "Kernel debug information (vmlinux) through libelf and libdw" ON)
option(DF_STATIC_TOOL "makedumpfile with all its libraries in it (-static): one file, for an initramfs" OFF)
option(DF_WERROR "Treat compiler warnings as errors" OFF)
option(DF_FUZZ "Build the fuzz targets (clang)" OFF)
set(DF_SANITIZE "" CACHE STRING "Sanitizers to build with, as in -fsanitize=: address,undefined or thread")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
	set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# What is built does not depend on the folder it is built in: the length of an absolute path would stay in an installed tool.
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)

# Flags that every source of the project is compiled with.
add_library(df_flags INTERFACE)
target_compile_options(df_flags INTERFACE
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wundef $<$<BOOL:${DF_WERROR}>:-Werror>)
target_compile_definitions(df_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE _FILE_OFFSET_BITS=64)
foreach(name LZO LIBDEFLATE SNAPPY ZSTD)
	target_compile_definitions(df_flags INTERFACE HAVE_${name}=$<BOOL:${WITH_${name}}>)
endforeach()

if(DF_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
	message(FATAL_ERROR "DF_FUZZ needs clang and its libFuzzer (Debian: clang, libclang-rt-dev): use the preset 'fuzz', or -DCMAKE_C_COMPILER=clang.")
endif()
if(CMAKE_EXE_LINKER_FLAGS MATCHES "(^| )-static( |$)" AND NOT DF_STATIC_TOOL)
	message(FATAL_ERROR "-static in CMAKE_EXE_LINKER_FLAGS would be for the tests, too: for a static makedumpfile use -DDF_STATIC_TOOL=ON.")
endif()
if(DF_SANITIZE)
	set(sanitize -fsanitize=${DF_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
	target_compile_options(df_flags INTERFACE ${sanitize})
	target_link_options(df_flags INTERFACE ${sanitize})
endif()
if(DF_FUZZ)
	target_compile_options(df_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
option(DF_BENCH "Build what benchmarks/run needs, and the target bench" OFF)

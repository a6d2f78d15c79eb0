# SPDX-License-Identifier: GPL-2.0-or-later
# df_manual(FROM TO NAME VERSION): a manual page as it is installed.  Its foot names program and version instead of the system
# that it is read on; groff up to 1.22 would call both "BSD", the foot through .Os, the head through a string of its own.
# Included, or as a step of the build: cmake -DFROM=... -DTO=... -DNAME=... -DVERSION=... -P Manual.cmake
function(df_manual from to name version)
	file(READ ${from} page)
	string(REPLACE "\n.Dt " "\n.ds doc-volume-operating-system ${name}\n.Dt " page "${page}")
	string(REPLACE "\n.Os\n" "\n.Os ${name} ${version}\n" page "${page}")
	file(WRITE ${to} "${page}")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
	df_manual(${FROM} ${TO} ${NAME} ${VERSION})
endif()

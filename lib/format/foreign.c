/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/foreign.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>

#define AS_IT_IS   "it is not supported; crash opens it as it is, so copy the whole file"
#define LKCD       "an LKCD dump: " AS_IT_IS
#define STANDALONE "an s390 stand-alone dump: make an ELF file of it with zgetdump -f elf"
#define VOLATILITY " file: it is not supported; copy the whole file, Volatility reads it"
#define XEN_CORE   "a core of a Xen guest (xm dump-core): " AS_IT_IS
#define XEN_SAVED  "the saved state of a Xen guest (xl save): use xl dump-core, and crash"
#define LIBVIRT    "the saved state of a guest (virsh save or dump): use virsh dump --memory-only"
#define QEMU       "the saved state of a QEMU guest (migrate): use QEMU's dump-guest-memory"
#define VMWARE     "the saved state of a VMware guest (.vmss, .vmsn): " AS_IT_IS ", and the .vmem beside it"
#define WINDOWS    "a Windows crash dump: it is not supported; WinDbg reads it"
#define UNPACK     ": unpack it first"

/* Sources: crash 9 (defs.h, ibm_common.h, diskdump.h, vmware_vmss.h, xendump.h, kvmdump.c), libxl's saved domains,
 * the headers of LiME and AVML, libvirt's qemu_saveimage.h, QEMU's win_dump_defs.h.  Numbers that are in the byte order
 * of the machine stand here in each that there can be. */
static const struct {
	const char *bytes;
	size_t length;
	const char *is;
} signatures[] = {
#define ROW(bytes, is)                       \
	{                                    \
		bytes, sizeof(bytes) - 1, is \
	}
	ROW("\xed\x23\x8f\x61\x73\x01\x19\xa8", LKCD),
	ROW("\xa8\x19\x01\x73\x61\x8f\x23\xed", LKCD),
	ROW("\xcd\x23\x8f\x61\x73\x01\x19\xa8", LKCD), /* of a running system */
	ROW("\xa8\x19\x01\x73\x61\x8f\x23\xcd", LKCD),
	ROW("\xa8\x19\x01\x73\x61\x8f\x23\xfd", STANDALONE),
	ROW("\xa8\x19\x01\x73\x61\x8f\x23\xfe", STANDALONE), /* extended format */
	ROW("DISKDUMP", "a diskdump file: " AS_IT_IS),
	ROW("EMiL", "a LiME" VOLATILITY),
	ROW("LiME", "a LiME" VOLATILITY),
	ROW("AVML", "an AVML" VOLATILITY),
	ROW("\xed\xeb\x0f\xf0", XEN_CORE),
	ROW("\xee\xeb\x0f\xf0", XEN_CORE), /* of a guest that is not paravirtual */
	ROW("LinuxGuestRecord", XEN_SAVED),
	ROW("Xen saved domain", XEN_SAVED),
	ROW("LibvirtQemudSave", LIBVIRT),
	ROW("LibvirtQemudPart", LIBVIRT),
	ROW("QEVM", QEMU),
	ROW("\xd2\xbe\xd2\xbe", VMWARE),
	ROW("\xd3\xbe\xd3\xbe", VMWARE),
	ROW("\xd0\xbe\xd0\xbe", VMWARE),
	ROW("\xd1\xba\xd1\xba", VMWARE),
	ROW("\xd2\xba\xd2\xba", VMWARE),
	ROW("PAGEDU64", WINDOWS),
	ROW("PAGEDUMP", WINDOWS),
	ROW("\x28\xb5\x2f\xfd", "compressed with zstd" UNPACK),
	ROW("\x1f\x8b", "compressed with gzip" UNPACK),
	ROW("\xfd\x37zXZ", "compressed with xz" UNPACK),
	ROW("BZh", "compressed with bzip2" UNPACK),
	ROW("\x04\x22\x4d\x18", "compressed with lz4" UNPACK),
	ROW("\x89LZO", "compressed with lzop" UNPACK),
#undef ROW
};

/* ---- sadump: firmware of Fujitsu servers writes memory to a partition or a set of disks; all is little-endian */

#define SADUMP_BLOCK    4096u
#define SADUMP_DISK_SET 152u

static const char sadump_signature[8] = "sadump";

static bool is_sadump(const uint8_t *block, size_t length)
{
	return length >= SADUMP_DISK_SET + 4 && !memcmp(block, sadump_signature, sizeof sadump_signature);
}

/* A media backup has a header in front of the partition's. */
static bool name_sadump(const uint8_t *head, size_t length, char text[DF_FOREIGN_TEXT])
{
	char form[40] = "single partition";
	uint32_t disk;

	if (is_sadump(head, length)) {
		disk = df_get32(head + SADUMP_DISK_SET, false);
		if (disk)
			snprintf(form, sizeof form, "disk %" PRIu32 " of a set", disk);
	} else if (length > SADUMP_BLOCK && is_sadump(head + SADUMP_BLOCK, length - SADUMP_BLOCK)) {
		snprintf(form, sizeof form, "media backup");
	} else {
		return false;
	}
	snprintf(text, DF_FOREIGN_TEXT, "a sadump dump (%s): %s", form, AS_IT_IS);
	return true;
}

bool df_foreign_name(const void *head, size_t length, char text[DF_FOREIGN_TEXT])
{
	for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
		if (length < signatures[i].length || memcmp(head, signatures[i].bytes, signatures[i].length) != 0)
			continue;
		snprintf(text, DF_FOREIGN_TEXT, "%s", signatures[i].is);
		return true;
	}
	return name_sadump(head, length, text);
}

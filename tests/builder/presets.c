/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel layouts.  A preset is its base and then its own lines: KEY=VALUE as the kernel prints it, !KEY=VALUE what it
 * does not print but is, -KEY what left.  @ is an address or a value that the layout gives.  The numbers were read from
 * the notes of kernels of that release where one was at hand (2.6.32, 3.10, 3.14, 4.4, 4.14, 5.10, 6.1, 6.12, 7.3 on
 * x86_64; 6.12 on arm64 and s390x), else from the source of that release.
 *
 * Keys of the builder alone:
 *   !head       NUMBER of the flag bit of a compound head (the note has the mask)
 *   !tail       how a tail is marked: flag (PG_tail, first_page), head (bit 0 of the head's address), mask (7.1)
 *   !order      where a head's order is: lru, field, folio, flags
 *   !hugetlb    how hugetlb shows: address, dtor, bit, type
 *   !slab       flag or type
 *   !types      no (none), value, bits, byte: how _mapcount holds a type
 *   !section    flag bits of a present section
 *   !root       where the root array is: image or direct
 *   !levels     of page tables
 *   !dtor.thp   destructor number of transparent huge pages; !dtor.plain of others
 */
#include "bd.h"

static const char k2_6_32[] =
	"OSRELEASE=2.6.32\nPAGESIZE=@page_size\nSYMBOL(init_uts_ns)=@\nSYMBOL(node_online_map)=@\n"
	"SYMBOL(swapper_pg_dir)=@\nSYMBOL(_stext)=@\nSYMBOL(vmlist)=@\nSYMBOL(mem_section)=@\n"
	"LENGTH(mem_section)=@mem_section_roots\nSIZE(mem_section)=16\nOFFSET(mem_section.section_mem_map)=0\n"
	"!NUMBER(SECTION_SIZE_BITS)=27\n!NUMBER(MAX_PHYSMEM_BITS)=46\n"
	"SIZE(page)=56\nSIZE(pglist_data)=18432\nSIZE(zone)=2240\nSIZE(free_area)=88\nSIZE(list_head)=16\n"
	"SIZE(nodemask_t)=8\nOFFSET(page.flags)=0\nOFFSET(page._count)=8\nOFFSET(page.mapping)=24\nOFFSET(page.lru)="
	"40\n"
	"!OFFSET(page._mapcount)=12\nOFFSET(page.private)=16\n!OFFSET(page.first_page)=16\n"
	"OFFSET(pglist_data.node_zones)=0\nOFFSET(pglist_data.nr_zones)=18304\n"
	"OFFSET(pglist_data.node_start_pfn)=18320\nOFFSET(pglist_data.node_spanned_pages)=18336\n"
	"OFFSET(pglist_data.node_id)=18344\nOFFSET(zone.free_area)=608\nOFFSET(zone.vm_stat)=1776\n"
	"OFFSET(zone.spanned_pages)=2088\nOFFSET(free_area.free_list)=0\nOFFSET(list_head.next)=0\n"
	"OFFSET(list_head.prev)=8\nOFFSET(vm_struct.addr)=8\nLENGTH(zone.free_area)=11\n"
	"LENGTH(free_area.free_list)=5\nNUMBER(NR_FREE_PAGES)=0\nNUMBER(PG_lru)=5\nNUMBER(PG_private)=11\n"
	"NUMBER(PG_swapcache)=16\n!NUMBER(PG_slab)=7\nNUMBER(PG_buddy)=19\nNUMBER(PG_hwpoison)=23\n"
	"!NUMBER(PG_swapbacked)=20\n!NUMBER(PG_tail)=15\nNUMBER(PG_head_mask)=16384\n!head=14\n"
	"SYMBOL(free_huge_page)=@\nSYMBOL(phys_base)=@\nSYMBOL(init_level4_pgt)=@swapper_pg_dir\n"
	"SYMBOL(node_data)=@\nLENGTH(node_data)=64\n!OFFSET(uts_namespace.name)=4\n"
	"SYMBOL(log_buf)=@\nSYMBOL(log_end)=@\nSYMBOL(log_buf_len)=@\nSYMBOL(logged_chars)=@\n"
	"!tail=flag\n!order=lru\n!hugetlb=address\n!slab=flag\n!types=no\n!section=3\n!root=image\n"
	"!direct=0xffff880000000000\n!vmemmap=0xffffea0000000000\n!vmalloc=0xffffc90000000000\n";

static const char k3_10[] =
	"-SYMBOL(log_end)\n-SYMBOL(logged_chars)\nSYMBOL(log_first_idx)=@\nSYMBOL(log_next_idx)=@\nSIZE(log)=16\n"
	"OFFSET(log.ts_nsec)=0\nOFFSET(log.len)=8\nOFFSET(log.text_len)=10\nOFFSET(log.dict_len)=12\n"
	"OSRELEASE=3.10.0\n-SYMBOL(vmlist)\n-OFFSET(vm_struct.addr)\n-NUMBER(PG_buddy)\n"
	"SYMBOL(vmap_area_list)=@\nOFFSET(vmap_area.va_start)=0\nOFFSET(vmap_area.list)=48\n"
	"SIZE(mem_section)=32\nSIZE(page)=64\nSIZE(pglist_data)=12736\nSIZE(zone)=1856\nOFFSET(page._count)=28\n"
	"OFFSET(page.mapping)=8\nOFFSET(page.lru)=32\nOFFSET(page._mapcount)=24\nOFFSET(page.private)=48\n"
	"!OFFSET(page.first_page)=48\nOFFSET(pglist_data.nr_zones)=12592\nOFFSET(pglist_data.node_start_pfn)=12600\n"
	"OFFSET(pglist_data.node_spanned_pages)=12616\nOFFSET(pglist_data.node_id)=12624\nOFFSET(zone.free_area)=128\n"
	"OFFSET(zone.vm_stat)=1304\nOFFSET(zone.spanned_pages)=1704\nNUMBER(PG_slab)=7\nNUMBER(PG_hwpoison)=22\n"
	"!NUMBER(PG_swapbacked)=19\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-128\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-512\n"
	"-SYMBOL(phys_base)\nNUMBER(phys_base)=@phys_base_value\n!types=value\nKERNELOFFSET=@kaslr\n"
	"NUMBER(KERNEL_IMAGE_SIZE)=536870912\nNUMBER(sme_mask)=@sme_mask\nCRASHTIME=1795195471\n";

static const char k3_14[] =
	"-SIZE(log)\n-OFFSET(log.ts_nsec)\n-OFFSET(log.len)\n-OFFSET(log.text_len)\n-OFFSET(log.dict_len)\n"
	"SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\n"
	"OFFSET(printk_log.text_len)=10\nOFFSET(printk_log.dict_len)=12\n"
	"OSRELEASE=3.14.65\nSIZE(mem_section)=16\nSIZE(pglist_data)=12352\nSIZE(zone)=1728\n"
	"OFFSET(pglist_data.nr_zones)=12208\nOFFSET(pglist_data.node_start_pfn)=12216\n"
	"OFFSET(pglist_data.node_spanned_pages)=12232\nOFFSET(pglist_data.node_id)=12240\nOFFSET(zone.free_area)=200\n"
	"OFFSET(zone.vm_stat)=1408\nOFFSET(zone.spanned_pages)=112\n!NUMBER(PG_head_mask)=16384\n"
	"!SYMBOL(free_huge_page)=@\n-NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)\nSYMBOL(phys_base)=@\n-NUMBER(phys_base)\n"
	"-NUMBER(KERNEL_IMAGE_SIZE)\n!NUMBER(sme_mask)=0\n-CRASHTIME\n";

static const char k4_4[] =
	"OSRELEASE=4.4.178\nSIZE(pglist_data)=11520\nOFFSET(pglist_data.nr_zones)=11360\n"
	"OFFSET(pglist_data.node_start_pfn)=11368\nOFFSET(pglist_data.node_spanned_pages)=11384\n"
	"OFFSET(pglist_data.node_id)=11392\nOFFSET(zone.free_area)=192\nOFFSET(zone.spanned_pages)=120\n"
	"NUMBER(PG_swapcache)=15\n!NUMBER(PG_swapbacked)=18\nNUMBER(PG_hwpoison)=21\nNUMBER(PG_head_mask)=16384\n"
	"NUMBER(KERNEL_IMAGE_SIZE)=536870912\nSYMBOL(free_huge_page)=@\nCRASHTIME=1795195617\n"
	"-OFFSET(page.first_page)\n!OFFSET(page.compound_head)=32\n!OFFSET(page.compound_dtor)=40\n"
	"!OFFSET(page.compound_order)=44\n!width.compound_dtor=4\n!width.compound_order=4\n!NUMBER(HUGETLB_PAGE_DTOR)="
	"2\n"
	"!tail=head\n!order=field\n!hugetlb=dtor\n!dtor.plain=1\n!dtor.thp=3\n!tail_mapping=0xdead000000000400\n";

static const char k4_14[] =
	"SYMBOL(clear_idx)=@\nOSRELEASE=4.14.67\nSIZE(pglist_data)=11264\nSIZE(zone)=1472\nOFFSET(pglist_data.nr_zones)"
	"=10592\n"
	"OFFSET(pglist_data.node_start_pfn)=10600\nOFFSET(pglist_data.node_spanned_pages)=10616\n"
	"OFFSET(pglist_data.node_id)=10624\nOFFSET(zone.vm_stat)=1280\nOFFSET(zone.spanned_pages)=96\n"
	"-OFFSET(page._count)\nOFFSET(page._refcount)=28\nOFFSET(page.compound_dtor)=40\nOFFSET(page.compound_order)="
	"44\n"
	"OFFSET(page.compound_head)=32\nNUMBER(PG_private)=12\nNUMBER(PG_swapcache)=9\n!NUMBER(PG_swapbacked)=18\n"
	"NUMBER(PG_slab)=8\n!NUMBER(PG_waiters)=7\nNUMBER(PG_head_mask)=32768\n!head=15\nNUMBER(HUGETLB_PAGE_DTOR)=2\n"
	"-SYMBOL(free_huge_page)\n-SYMBOL(phys_base)\nNUMBER(phys_base)=@phys_base_value\n-SYMBOL(init_level4_pgt)\n"
	"SYMBOL(init_top_pgt)=@swapper_pg_dir\n!section=7\n!root=direct\n-CRASHTIME\n";

static const char k4_16[] =
	"OSRELEASE=4.16.0\nOFFSET(page.compound_order)=41\n!width.compound_dtor=1\n!width.compound_order=1\n";

static const char k4_18[] =
	"OSRELEASE=4.18.0\nOFFSET(page._refcount)=52\nOFFSET(page.mapping)=24\nOFFSET(page.lru)=8\n"
	"OFFSET(page._mapcount)=48\nOFFSET(page.private)=40\nOFFSET(page.compound_dtor)=16\n"
	"OFFSET(page.compound_order)=17\nOFFSET(page.compound_head)=8\n!width.compound_dtor=1\n!width.compound_order="
	"1\n"
	"NUMBER(PG_swapbacked)=18\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n!NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)=-1025\n"
	"NUMBER(pgtable_l5_enabled)=@pgtable_l5_enabled\nNUMBER(KERNEL_IMAGE_SIZE)=1073741824\n!types=bits\n"
	"CRASHTIME=1795195517\n";

static const char k5_10[] =
	"-SYMBOL(log_buf)\n-SYMBOL(log_buf_len)\n-SYMBOL(log_first_idx)\n-SYMBOL(log_next_idx)\n-SYMBOL(clear_idx)\n"
	"-SIZE(printk_log)\n-OFFSET(printk_log.ts_nsec)\n-OFFSET(printk_log.len)\n-OFFSET(printk_log.text_len)\n"
	"-OFFSET(printk_log.dict_len)\nSYMBOL(prb)=@\nSYMBOL(printk_rb_static)=@\nSYMBOL(clear_seq)=@\n"
	"SIZE(printk_ringbuffer)=80\nOFFSET(printk_ringbuffer.desc_ring)=0\n"
	"OFFSET(printk_ringbuffer.text_data_ring)=40\nOFFSET(printk_ringbuffer.fail)=72\nSIZE(prb_desc_ring)=40\n"
	"OFFSET(prb_desc_ring.count_bits)=0\nOFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"
	"OFFSET(prb_desc_ring.head_id)=24\nOFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=24\n"
	"OFFSET(prb_desc.state_var)=0\nOFFSET(prb_desc.text_blk_lpos)=8\nSIZE(prb_data_blk_lpos)=16\n"
	"OFFSET(prb_data_blk_lpos.begin)=0\nOFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=88\n"
	"OFFSET(printk_info.seq)=0\nOFFSET(printk_info.ts_nsec)=8\nOFFSET(printk_info.text_len)=16\n"
	"OFFSET(printk_info.caller_id)=20\nOFFSET(printk_info.dev_info)=24\nSIZE(dev_printk_info)=64\n"
	"SIZE(prb_data_ring)=32\nOFFSET(prb_data_ring.size_bits)=0\nOFFSET(prb_data_ring.data)=8\n"
	"OFFSET(prb_data_ring.head_lpos)=16\nOFFSET(prb_data_ring.tail_lpos)=24\nSIZE(atomic_long_t)=8\n"
	"OFFSET(atomic_long_t.counter)=0\n"
	"OSRELEASE=5.10.0-32-cloud-amd64\nBUILD-ID=e0c94673e97d58a386e99a20572aa7d597d5aa5c\nSIZE(pglist_data)=171968\n"
	"SIZE(nodemask_t)=128\nOFFSET(pglist_data.nr_zones)=171232\nOFFSET(pglist_data.node_start_pfn)=171240\n"
	"OFFSET(pglist_data.node_spanned_pages)=171256\nOFFSET(pglist_data.node_id)=171264\n"
	"OFFSET(zone.spanned_pages)=120\nOFFSET(vmap_area.list)=40\nNUMBER(SECTION_SIZE_BITS)=27\n"
	"NUMBER(MAX_PHYSMEM_BITS)=46\nNUMBER(PG_lru)=4\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\n"
	"NUMBER(PG_swapbacked)=19\nNUMBER(PG_slab)=9\nNUMBER(PG_hwpoison)=22\nNUMBER(PG_head_mask)=65536\n!head=16\n"
	"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\nNUMBER(sme_mask)=@sme_mask\nLENGTH(node_data)=1024\n!section=15\n"
	"!direct=0xffff888000000000\n";

static const char k6_1[] =
	"SIZE(latched_seq)=24\nOFFSET(latched_seq.val)=8\nSIZE(printk_ringbuffer)=88\nSIZE(prb_desc_ring)=48\n"
	"OFFSET(printk_ringbuffer.text_data_ring)=48\nOFFSET(printk_ringbuffer.fail)=80\n"
	"OSRELEASE=6.1.0-50-cloud-amd64\nBUILD-ID=bb603a9147d3efe4744bf83c83eee397c591cc20\n"
	"OFFSET(uts_namespace.name)=0\nSIZE(pglist_data)=174208\nSIZE(zone)=1536\n"
	"OFFSET(pglist_data.nr_zones)=171552\nOFFSET(pglist_data.node_start_pfn)=171560\n"
	"OFFSET(pglist_data.node_spanned_pages)=171576\nOFFSET(pglist_data.node_id)=171584\nOFFSET(zone.free_area)="
	"256\n"
	"OFFSET(zone.vm_stat)=1344\nOFFSET(zone.spanned_pages)=144\n!NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)=-513\n";

static const char k6_3[] =
	"OSRELEASE=6.3.0\n-OFFSET(page.compound_dtor)\n-OFFSET(page.compound_order)\nOFFSET(folio._folio_dtor)=80\n"
	"OFFSET(folio._folio_order)=81\n!order=folio\n!hugetlb=folio\n";

static const char k6_6[] =
	"OSRELEASE=6.6.0\n-OFFSET(folio._folio_dtor)\n-OFFSET(folio._folio_order)\n-NUMBER(HUGETLB_PAGE_DTOR)\n"
	"NUMBER(PG_lru)=5\nNUMBER(PG_private)=15\nNUMBER(PG_swapcache)=12\nNUMBER(PG_swapbacked)=19\nNUMBER(PG_slab)="
	"11\n"
	"NUMBER(PG_hwpoison)=22\nNUMBER(PG_head_mask)=64\n!head=6\nNUMBER(PG_hugetlb)=8\n!order=flags\n!hugetlb=bit\n";

static const char k6_8[] = "OSRELEASE=6.8.0\nSYMBOL(vmemmap)=@\n";

static const char k6_9[] =
	"OSRELEASE=6.9.0\n-SYMBOL(vmap_area_list)\n-OFFSET(vmap_area.va_start)\n-OFFSET(vmap_area.list)\n"
	"NUMBER(VMALLOC_START)=0x@VMALLOC_START\n-NUMBER(PG_hugetlb)\nNUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-2049\n"
	"!hugetlb=type\n";

static const char k6_10[] =
	"OSRELEASE=6.10.0\n-NUMBER(PG_slab)\nNUMBER(PG_private)=14\nNUMBER(PG_swapcache)=11\nNUMBER(PG_swapbacked)=18\n"
	"NUMBER(PG_hwpoison)=21\nNUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-4097\n!slab=type\n";

static const char k6_11[] =
	"OSRELEASE=6.11.0\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)=17\nNUMBER(PG_hwpoison)=20\n"
	"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-1073741825\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-536870913\n"
	"NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-67108865\nNUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-33554433\n"
	"!NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)=-268435457\n!NUMBER(PAGE_GUARD_MAPCOUNT_VALUE)=-134217729\n"
	"!NUMBER(PAGE_ZSMALLOC_MAPCOUNT_VALUE)=-16777217\n";

static const char k6_12[] =
	"OSRELEASE=6.12.107\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\n"
	"NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-251658240\n!NUMBER(PAGE_TABLE_MAPCOUNT_VALUE)=-234881024\n"
	"!NUMBER(PAGE_GUARD_MAPCOUNT_VALUE)=-218103808\nNUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-201326592\n"
	"NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\n!NUMBER(PAGE_ZSMALLOC_MAPCOUNT_VALUE)=-167772160\n"
	"!NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=-150994944\nLENGTH(free_area.free_list)=6\nSIZE(free_area)=104\n"
	"SIZE(zone)=1856\nOFFSET(zone.vm_stat)=1536\n!types=byte\n";

static const char k7_1[] =
	"OSRELEASE=7.1.0\n-OFFSET(page.compound_head)\nOFFSET(page.compound_info)=8\n"
	"NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=-150994944\nNUMBER(PG_hwpoison)=21\n!tail=mask\n!section=15\n";

static const char k7_3[] = "SIZE(printk_info)=112\nOFFSET(printk_info.dev_info)=44\nOSRELEASE=7.3.4+deb13-cloud-"
			   "amd64\nBUILD-ID=1fe9968467f2755292a45806719b9bba136b0cc8\nSIZE("
			   "pglist_data)=176320\n"
			   "OFFSET(pglist_data.nr_zones)=173152\nOFFSET(pglist_data.node_start_pfn)=173160\n"
			   "OFFSET(pglist_data.node_spanned_pages)=173176\nOFFSET(pglist_data.node_id)=173184\n"
			   "OFFSET(zone.spanned_pages)=160\nNUMBER(MAX_PHYSMEM_BITS)=52\n!levels=5\n";

/* s390x without NUMA: no node_data; the rest of the tail is the layout of arch/s390/kernel/machine_kexec.c. */
static const char s390_common[] =
	"-NUMBER(phys_base)\n-SYMBOL(init_top_pgt)\n-SYMBOL(node_data)\n-LENGTH(node_data)\n-NUMBER(KERNEL_IMAGE_SIZE)"
	"\n"
	"SYMBOL(contig_page_data)=@\nSYMBOL(lowcore_ptr)=@\nSYMBOL(high_memory)=@\nLENGTH(lowcore_ptr)=256\n"
	"!NUMBER(SECTION_SIZE_BITS)=28\n!NUMBER(MAX_PHYSMEM_BITS)=46\n!direct=0\n";

static const char k4_14_s390x[] =
	"!NUMBER(sme_mask)=0\n-KERNELOFFSET\n!vmemmap=0x3d000000000\n!vmalloc=0x3e000000000\n";

static const char k6_12_s390x[] =
	"-NUMBER(pgtable_l5_enabled)\n-NUMBER(sme_mask)\nNUMBER(SECTION_SIZE_BITS)=28\nNUMBER(MAX_PHYSMEM_BITS)=46\n"
	"!vmemmap=0x37200000000\n!vmalloc=0x37ffe700000\nSAMODE31=@amode31\nEAMODE31=@amode31_end\nIDENTITYBASE=@"
	"identity\n"
	"KERNELOFFSET=@kaslr\nKERNELOFFPHYS=@koffphys\n";

/* 32 bits, no NUMA.  Sizes of pgdat and zone are plausible, not measured. */
static const char k5_10_32[] =
	"SIZE(printk_ringbuffer)=44\nOFFSET(printk_ringbuffer.text_data_ring)=20\nOFFSET(printk_ringbuffer.fail)=36\n"
	"SIZE(prb_desc_ring)=20\nOFFSET(prb_desc_ring.descs)=4\nOFFSET(prb_desc_ring.infos)=8\n"
	"OFFSET(prb_desc_ring.head_id)=12\nOFFSET(prb_desc_ring.tail_id)=16\nSIZE(prb_desc)=12\n"
	"OFFSET(prb_desc.text_blk_lpos)=4\nSIZE(prb_data_blk_lpos)=8\nOFFSET(prb_data_blk_lpos.next)=4\n"
	"SIZE(prb_data_ring)=16\nOFFSET(prb_data_ring.data)=4\nOFFSET(prb_data_ring.head_lpos)=8\n"
	"OFFSET(prb_data_ring.tail_lpos)=12\nSIZE(atomic_long_t)=4\n"
	"-SYMBOL(node_data)\n-LENGTH(node_data)\n-SYMBOL(init_top_pgt)\n-NUMBER(pgtable_l5_enabled)\n-NUMBER(sme_mask)"
	"\n"
	"-NUMBER(phys_base)\n-NUMBER(KERNEL_IMAGE_SIZE)\nSIZE(mem_section)=8\n!NUMBER(SECTION_SIZE_BITS)=26\n"
	"!NUMBER(MAX_PHYSMEM_BITS)=32\nSIZE(page)=32\nSIZE(pglist_data)=4352\nSIZE(zone)=1024\nSIZE(free_area)=44\n"
	"SIZE(list_head)=8\nSIZE(nodemask_t)=4\nOFFSET(page._refcount)=28\nOFFSET(page.mapping)=12\nOFFSET(page.lru)="
	"4\n"
	"OFFSET(page._mapcount)=24\nOFFSET(page.private)=20\nOFFSET(page.compound_dtor)=8\n"
	"OFFSET(page.compound_order)=9\nOFFSET(page.compound_head)=4\nOFFSET(pglist_data.nr_zones)=4200\n"
	"OFFSET(pglist_data.node_start_pfn)=4204\nOFFSET(pglist_data.node_spanned_pages)=4212\n"
	"OFFSET(pglist_data.node_id)=4216\nOFFSET(zone.free_area)=128\nOFFSET(zone.vm_stat)=640\n"
	"OFFSET(zone.spanned_pages)=72\nOFFSET(list_head.prev)=4\nOFFSET(vmap_area.list)=20\n!tail_mapping=0x400\n";

static const char k6_12_arm64[] =
	"-NUMBER(phys_base)\n-SYMBOL(init_top_pgt)\n-NUMBER(pgtable_l5_enabled)\n-NUMBER(sme_mask)\n"
	"-NUMBER(KERNEL_IMAGE_SIZE)\nNUMBER(MAX_PHYSMEM_BITS)=48\nNUMBER(VA_BITS)=48\n"
	"NUMBER(kimage_voffset)=0x@kimage_voffset\nNUMBER(PHYS_OFFSET)=0x@PHYS_OFFSET\nNUMBER(TCR_EL1_T1SZ)=0x10\n";

const struct bd_preset bd_presets[] = {
	{ "2.6.32-el6", NULL, k2_6_32 },
	{ "3.10", "2.6.32-el6", k3_10 },
	{ "3.14", "3.10", k3_14 },
	{ "4.4", "3.14", k4_4 },
	{ "4.14", "4.4", k4_14 },
	{ "4.16", "4.14", k4_16 },
	{ "4.18", "4.16", k4_18 },
	{ "5.10", "4.18", k5_10 },
	{ "6.1", "5.10", k6_1 },
	{ "6.3", "6.1", k6_3 },
	{ "6.6", "6.3", k6_6 },
	{ "6.8", "6.6", k6_8 },
	{ "6.9", "6.8", k6_9 },
	{ "6.10", "6.9", k6_10 },
	{ "6.11", "6.10", k6_11 },
	{ "6.12", "6.11", k6_12 },
	{ "7.1", "6.12", k7_1 },
	{ "7.3", "7.1", k7_3 },
	{ "s390x-4.14", "4.14", s390_common },
	{ "4.14-s390x", "s390x-4.14", k4_14_s390x },
	{ "s390x-6.12", "6.12", s390_common },
	{ "6.12-s390x", "s390x-6.12", k6_12_s390x },
	{ "5.10-32bit", "5.10", k5_10_32 },
	{ "6.12-arm64", "6.12", k6_12_arm64 },
	{ NULL, NULL, NULL },
};

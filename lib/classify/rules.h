/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* variants.def compiled for one kernel: tests on struct pages.  The loops that use them know no kernel. */
#ifndef DF_CLASSIFY_RULES_H
#define DF_CLASSIFY_RULES_H

#include "kdesc/kdesc.h"

enum df_role {
	DF_RAW,
	DF_TAIL,
	DF_HEAD,
	DF_TYPED,
	DF_SLAB,
	DF_BUDDY,
	DF_OFFLINE,
	DF_UNACCEPTED,
	DF_HWPOISON,
	DF_LRU,
	DF_PRIVATE,
	DF_SWAPCACHE,
	DF_SWAPBACKED,
	DF_ANON,
	DF_WORD_ROLES,              /* those above are evaluated for 64 pages at a time */
	DF_HUGETLB = DF_WORD_ROLES, /* those from here on for heads only */
	DF_ORDER,
	DF_BUDDY_ORDER,
	DF_LINK,
	DF_ROLE_COUNT
};

/* (field & mask) == value, negated where negate is set.  A VALUE has just mask. */
struct df_test {
	const char *how; /* NULL = unknown in this kernel */
	bool second;     /* looks at the struct behind the page's own */
	bool negate;
	uint8_t width;
	uint16_t offset;
	uint64_t mask, value;
	uint64_t except; /* with TYPED: the value that is no type */
};

/* How a word role is evaluated for 64 pages at once (words.c). */
enum df_quick_kind {
	DF_QUICK_ALL,  /* page by page */
	DF_QUICK_BIT,  /* one bit of a byte that is gathered from all pages */
	DF_QUICK_TYPE, /* page by page, where the type word is a type at all */
	DF_QUICK_RAW,  /* page by page, where all bits of flags that are looked at are set */
};

struct df_quick {
	uint8_t kind, plane, bit;
	uint8_t watch;    /* the watched word that the bit is in */
	uint64_t watched; /* the bit there, as this machine loads the word */
};

#define DF_PLANES  12u
#define DF_WATCHES 8u

/* Where the words lie that are asked besides a test before a page is left out, and what they must hold. */
struct df_witness {
	uint16_t mapping, refcount, lru;      /* offsets; UINT16_MAX = unknown in this kernel */
	uint8_t word;                         /* bytes of a pointer */
	uint8_t held_watch;                   /* the watched word with _refcount in it; DF_WATCHES = none */
	uint64_t held_bits;                   /* all its bits there */
	uint64_t pointer_mask, pointer_value; /* of an address of the kernel's data: struct df_arch */
};

/* Compiled once when the dump is opened, then only read, by all scanners.  Offsets are bytes into a struct page, or
 * into the one behind it where test[].second is set.  Zeroed: nothing is known and no page is told apart. */
struct df_rules {
	struct df_test test[DF_ROLE_COUNT];
	struct df_quick quick[DF_WORD_ROLES];
	struct df_witness witness;
	uint16_t plane[DF_PLANES]; /* offsets of the bytes that are gathered */
	unsigned nplanes;
	uint16_t watch[DF_WATCHES];   /* offsets of the 64-bit words that hold those bytes and the type */
	uint64_t watched[DF_WATCHES]; /* bits of these that single bits are asked of */
	unsigned nwatches;
	bool slow;            /* a role is asked page by page, whatever the bits */
	uint16_t type_offset; /* of the 32-bit word that DF_QUICK_TYPE looks at */
	uint8_t type_watch;
	uint64_t type_watched, type_negative; /* all its bits and its sign, in the watched word */
	uint32_t page_struct;
	bool big_endian;
	unsigned free_orders;    /* LENGTH(zone.free_area): orders below this exist */
	bool link_is_first_page; /* LINK holds the head's address itself, not address|1 or a mask */
	bool struct_is_pow2;
};

static inline bool df_known(const struct df_rules *rules, enum df_role role)
{
	return rules->test[role].how != NULL;
}

/* compile.c.  kernel must have passed df_kdesc_check().  Never fails: what is not known is off. */
void df_rules_compile(struct df_rules *rules, const struct df_kdesc *kernel, unsigned word, bool big_endian);
/* One line per role to fn. */
void df_rules_explain(const struct df_rules *rules, dumpfilter_line_fn fn, void *user);

/* words.c: choose how to evaluate the word roles; the last step of compiling. */
void df_rules_prepare_words(struct df_rules *rules);

/* single.c: evaluate for one page.  page points to its struct, followed by the next one where the test looks there. */
bool df_rules_test(const struct df_rules *rules, enum df_role role, const uint8_t *page);
/* The number of a VALUE role. */
uint64_t df_rules_value(const struct df_rules *rules, enum df_role role, const uint8_t *page);

/* witness.c: what must be true besides of a page before it is left out.  No bit of a struct page is believed alone: the
 * memory of a crashed machine may be what made it crash. */
/* Of the pages in which, all with structs, those whose mapping is an address of the kernel, whatever its marks. */
uint64_t df_witness_mapped(const struct df_rules *rules, const uint8_t *structs, uint64_t which);
/* The same for page cache: without marks; or linked into a list, as are pages that were just cut off their file. */
uint64_t df_witness_cached(const struct df_rules *rules, const uint8_t *structs, uint64_t which);
/* A page that is said to begin a free or unaccepted block: nobody holds it, and it is linked. */
bool df_witness_free(const struct df_rules *rules, const uint8_t *page);
/* Is page linked into a list? */
bool df_witness_listed(const struct df_rules *rules, const uint8_t *page);
/* Of the pages in which those that somebody holds. */
uint64_t df_witness_held(const struct df_rules *rules, const uint8_t *structs, uint64_t which);

/* words.c: evaluate all word roles for count ≤ 64 structs: bit i of words[role] is page i.  false: nobody
 * holds any of them. */
bool df_rules_words(const struct df_rules *rules, const uint8_t *structs, unsigned count,
		    uint64_t words[DF_WORD_ROLES]);

#endif

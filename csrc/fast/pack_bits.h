/* Rows of codes that are one of two, a bit each.
 *
 * Bit i % 32 of words[i / 32] says whether codes[i] & mask is `one`; bits beyond count are 0.
 * Returns whether every code & mask is `zero` or `one`. */
#ifndef PQS_FAST_PACK_BITS_H
#define PQS_FAST_PACK_BITS_H

#include <stddef.h>
#include <stdint.h>

typedef int pqs_pack_bits(size_t count, const char *codes, uint8_t mask, uint8_t zero, uint8_t one,
                          char *words);

/* NULL where the compiler could not build them. */
extern pqs_pack_bits *const pqs_pack_bits__portable;
extern pqs_pack_bits *const pqs_pack_bits__avx2;
extern pqs_pack_bits *const pqs_pack_bits__avx512bw;
extern pqs_pack_bits *const pqs_pack_bits__neon;

#endif

/* Tables of bytes in 512-bit registers: what the tiles of permutations share. The including file
 * defines run_columns(vectors, registers, ...): one row of a, some vectors of columns. */
#include "fast/gemm_lookup.h"
#include "fast/unrolled.h"

#include <immintrin.h>

typedef __m512i vector;

#define BYTES sizeof(vector)
#define VECTORS (COLUMNS / BYTES)

/* A row of a table of 64, 128 or 256 bytes: 1, 2 or 4 registers. */
ALWAYS_INLINE void load_table(const size_t registers, const uint8_t *row, vector *table) {
    UNROLLED
    for (size_t i = 0; i < registers; i++) table[i] = _mm512_loadu_si512(row + i * BYTES);
}

ALWAYS_INLINE vector look_up(const size_t registers, const vector *table, vector places) {
    if (registers == 1) return _mm512_permutexvar_epi8(places, table[0]);
    const vector low = _mm512_permutex2var_epi8(table[0], places, table[1]);
    if (registers == 2) return low;
    const vector high = _mm512_permutex2var_epi8(table[2], places, table[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(places), low, high);
}

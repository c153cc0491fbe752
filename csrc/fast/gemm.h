/* Tiles of an integer matrix product: up to six rows of a times one panel of b, in int32 lanes.
 *
 * A kernel is a row of data: how b's panels and a's words are laid out, and the tile that
 * multiplies them. gemm_<what>_<isa>.c says what one word of a times one of b adds to a lane, and
 * includes gemm_body.h, the one tile there is. Packing, blocks and edges are plan/gemm.c's, the
 * same for every kernel. */
#ifndef PQS_FAST_GEMM_H
#define PQS_FAST_GEMM_H

#include <stddef.h>
#include <stdint.h>

#define PQS_GEMM_WORD 4 /* bytes */
#define PQS_GEMM_ROWS 6
#define PQS_GEMM_MAX_COLUMNS 256
#define PQS_GEMM_COUNTED_STEPS 512 /* of bits, at most, in one call of a tile */
#define PQS_GEMM_PLACES 16 /* of 4 bits */

typedef struct {
    uint32_t a_flip; /* xor-ed to a's words: 0x80808080 moves four bytes by 128; of bits: not 0 */
    uint32_t multipliers; /* of tables: four uint8; of bits: what their count is multiplied by */
    int32_t minimum; /* of a saturating accumulator; of a group's */
    int32_t maximum;
    size_t group_steps; /* the last group may be shorter */
    int32_t outer_minimum; /* of the sum of groups; equal: it wraps */
    int32_t outer_maximum;
    int32_t group_shift; /* of a group's sum at the top of the lane */
    const void *tables; /* of lookups, and how they lie: pqs_gemm_plan */
    size_t planes;
    size_t width;       /* entries of a row */
    size_t columns;     /* of the panel that count */
    int8_t integers[PQS_GEMM_PLACES]; /* int4: of each place */
} pqs_gemm_constants;

/* out[r][c] = start[r][c], then for each step its words of (a's row r) * (b's word c), r < rows.
 *
 * a: the words of step i stand at a + r * a_row + i * a_step bytes, so a's own rows serve where
 * they hold whole words. b: [step][column] words, one panel.
 * Strides of start and out are in elements; start_stride 0 starts every row alike. */
typedef void pqs_gemm_tile(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                           const pqs_gemm_constants *constants, const char *b, const int32_t *start,
                           size_t start_stride, int32_t *out, size_t out_stride);

/* What holds before each part of the steps: lanes + corrections, mod 2^32, lie in
 * [minimum, maximum]. */
typedef struct {
    size_t steps;               /* of a part */
    const int32_t *corrections; /* of column c before part p at [p * stride + c] */
    size_t stride;
    int32_t minimum;
    int32_t maximum;
} pqs_gemm_parts;

/* The tile, and whether that held all the time: if not, out is undefined. */
typedef int pqs_gemm_checked_tile(size_t rows, size_t steps, const char *a, size_t a_row,
                                  size_t a_step, const pqs_gemm_constants *constants,
                                  const pqs_gemm_parts *parts, const char *b, const int32_t *start,
                                  size_t start_stride, int32_t *out, size_t out_stride);

/* starts[r][c] = start[c] + offsets[c] * (the sum of row r's k bytes), mod 2^32; [rows][columns]. */
typedef void pqs_gemm_start_rows(size_t rows, size_t k, const char *a, size_t a_row,
                                 const pqs_gemm_constants *constants, const int32_t *start,
                                 const int32_t *offsets, int32_t *starts);

typedef struct {
    size_t b_elements; /* k of one 4-byte word of b: 4 int8, 2 int16, 1 int16 twice, 8 of 4
                          bits or 32 bits */
    size_t a_words;    /* words of a for one of b: 1; of 8 k: 2; else 2: one a k, its other half 0;
                          16, 32: tables; 4: one a k, a row of tables */
    int a_signed;      /* int8, int4: what a's bytes are; a_flip makes those of the other kind */
    size_t columns;    /* of a panel */
    pqs_gemm_tile *tile; /* NULL where the compiler could not build it */
    pqs_gemm_checked_tile *checked; /* int8 and int16 */
    pqs_gemm_start_rows *start_rows; /* int8, int4 */
    int reach;         /* int4: of the integers, from 0; 0: any */
} pqs_gemm_kernel;

/* Sums mod 2^32. a: uint8, or int8 where a_signed; b: int8. */
extern const pqs_gemm_kernel pqs_gemm_int8__avxvnni;
extern const pqs_gemm_kernel pqs_gemm_int8__avx512vnni;
extern const pqs_gemm_kernel pqs_gemm_int8__dotprod;

/* Sums mod 2^32. b: of 4 bits, places among 16 integers: of a word's bytes the low halves stand for
 * its first four k, the high halves for the next four. */
extern const pqs_gemm_kernel pqs_gemm_int4__avx2;
extern const pqs_gemm_kernel pqs_gemm_int4__avxvnni;
extern const pqs_gemm_kernel pqs_gemm_int4__avx512bw;
extern const pqs_gemm_kernel pqs_gemm_int4__avx512vnni;
extern const pqs_gemm_kernel pqs_gemm_int4__avx512vbmi;
extern const pqs_gemm_kernel pqs_gemm_int4__neon;
extern const pqs_gemm_kernel pqs_gemm_int4__dotprod;

/* Sums mod 2^32. a and b: int16. */
extern const pqs_gemm_kernel pqs_gemm_int16__portable;
extern const pqs_gemm_kernel pqs_gemm_int16__avx2;
extern const pqs_gemm_kernel pqs_gemm_int16__avxvnni;
extern const pqs_gemm_kernel pqs_gemm_int16__avx512bw;
extern const pqs_gemm_kernel pqs_gemm_int16__avx512vnni;
extern const pqs_gemm_kernel pqs_gemm_int16__neon;

/* acc = min(max(acc + product, minimum), maximum), k ascending; int32 holds acc + product. */
extern const pqs_gemm_kernel pqs_gemm_clamp__portable;
extern const pqs_gemm_kernel pqs_gemm_clamp__avx2;
extern const pqs_gemm_kernel pqs_gemm_clamp__avx512bw;
extern const pqs_gemm_kernel pqs_gemm_clamp__avx512vnni;
extern const pqs_gemm_kernel pqs_gemm_clamp__neon;

/* acc and products stand at the top of the lane, multiplied by 2^(32 - bits): the instruction's own
 * saturation is the register's. What a saturation leaves in the low bits stays below 2^(32 - bits)
 * and never changes a later comparison. */
extern const pqs_gemm_kernel pqs_gemm_top__avxvnni;
extern const pqs_gemm_kernel pqs_gemm_top__avx512vnni;

/* The same, a and b in both halves of their words: each product comes twice, half as large, so that
 * the operands need one bit less. */
extern const pqs_gemm_kernel pqs_gemm_top_halves__avxvnni;
extern const pqs_gemm_kernel pqs_gemm_top_halves__avx512vnni;

/* Groups: a sum for each `group_steps` steps, brought into [minimum, maximum] and added to the outer
 * accumulator, which wraps or is clamped at every addition. int32 holds every number on the way.
 * group: exact until its end. group_clamp: clamped at every addition, one k a word. group_top: as
 * `top`, then shifted right by group_shift. */
extern const pqs_gemm_kernel pqs_gemm_group__portable;
extern const pqs_gemm_kernel pqs_gemm_group__avx2;
extern const pqs_gemm_kernel pqs_gemm_group__avx512bw;
extern const pqs_gemm_kernel pqs_gemm_group__neon;
extern const pqs_gemm_kernel pqs_gemm_group_clamp__portable;
extern const pqs_gemm_kernel pqs_gemm_group_clamp__avx2;
extern const pqs_gemm_kernel pqs_gemm_group_clamp__avx512bw;
extern const pqs_gemm_kernel pqs_gemm_group_clamp__avx512vnni;
extern const pqs_gemm_kernel pqs_gemm_group_clamp__neon;
extern const pqs_gemm_kernel pqs_gemm_group_top__avxvnni;
extern const pqs_gemm_kernel pqs_gemm_group_top__avx512vnni;

/* Sums mod 2^32 of pairs that saturate at 16 bits. a: uint8; b: int8. */
extern const pqs_gemm_kernel pqs_gemm_pair__avx2;
extern const pqs_gemm_kernel pqs_gemm_pair__avx512bw;
extern const pqs_gemm_kernel pqs_gemm_pair__avx512vnni;

/* Sums mod 2^32. a: four tables of 16 int8, for each k of the word one; b: four places in them.
 * What is found there is multiplied by `multipliers`. */
extern const pqs_gemm_kernel pqs_gemm_table__avx512vbmi;

/* The same, b: of 4 bits, as int4 has them. Faster where b is read for few rows, else slower. */
extern const pqs_gemm_kernel pqs_gemm_table4__avx512vbmi;

/* Lookups: a word of a is a row of the tables; a step of b is four k, columns bytes each: places.
 * Sums of entries mod 2^32, or clamped as above. */
extern const pqs_gemm_kernel pqs_gemm_gather__portable;
extern const pqs_gemm_kernel pqs_gemm_gather_clamp__portable;
extern const pqs_gemm_kernel pqs_gemm_gather_clamp__avx2;
extern const pqs_gemm_kernel pqs_gemm_permute__avx512vbmi;
extern const pqs_gemm_kernel pqs_gemm_permute_clamp__avx512vbmi;
/* out = start + multiplier * (how many bits of a and b differ, or, where a_flip is 0, are both 1),
 * mod 2^32. */
extern const pqs_gemm_kernel pqs_gemm_bits__portable;
extern const pqs_gemm_kernel pqs_gemm_bits__avx2;
extern const pqs_gemm_kernel pqs_gemm_bits__avx512vpopcntdq;
extern const pqs_gemm_kernel pqs_gemm_bits__neon;

#endif

/* What the files of matrix products share. */
#ifndef PQS_PLAN_GEMM_H
#define PQS_PLAN_GEMM_H

#include "plan/plan.h"

static inline size_t pqs_over(size_t count, size_t by) { return count / by + (count % by != 0); }

/* Everything that stays the same from tile to tile of one block of rows. */
typedef struct {
    const pqs_gemm_kernel *kernel;
    pqs_gemm_constants constants;
    size_t steps;   /* of a panel */
    size_t columns; /* of a panel */
    size_t n;       /* columns that are there */
    const char *panels;
    const int32_t *start;
    const int32_t *b_offsets; /* of starts; null: none */
    size_t k;                 /* bytes of a row that b_offsets meet */
    const char *a; /* rows in words: its own, or those that were packed */
    size_t a_stride, a_step;
    size_t group_steps; /* a part of the steps is cut between groups; 1 where there are none */
    size_t block_rows; /* of a full block */
    size_t rows;       /* of this block */
    int32_t *out;
    size_t out_stride;
    const pqs_gemm_parts *parts; /* that are checked; null: none are */
    int packs; /* a's own rows are no words */
    int adds;  /* to what is in out, not to start */
    int counts; /* bits: at most PQS_GEMM_COUNTED_STEPS in one call of a tile */
} pqs_gemm_block;

/* gemm_layout.c: what a plan says of itself; NULL where it is invalid or has no kernel. */
const pqs_gemm_kernel *pqs_gemm_kernel_of(const pqs_gemm_plan *plan, int *isa);
int pqs_gemm_is_sum(const pqs_gemm_plan *plan);
int pqs_gemm_takes_offsets(const pqs_gemm_plan *plan);
int pqs_gemm_has_tables(const pqs_gemm_plan *plan);
int pqs_gemm_has_four_bits(const pqs_gemm_plan *plan);
int pqs_gemm_is_grouped(const pqs_gemm_plan *plan);
int pqs_gemm_is_top(const pqs_gemm_plan *plan);
int pqs_gemm_b_shift(const pqs_gemm_plan *plan);
size_t pqs_gemm_row_length(const pqs_gemm_plan *plan);
int pqs_gemm_is_lookup(const pqs_gemm_plan *plan);
int pqs_gemm_clamps(const pqs_gemm_plan *plan);
size_t pqs_gemm_width(const pqs_gemm_plan *plan);
int pqs_gemm_takes_rows(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
size_t pqs_gemm_element_bytes(const pqs_gemm_plan *plan);
size_t pqs_gemm_steps(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
size_t pqs_gemm_panels(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
size_t pqs_gemm_row_bytes(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
size_t pqs_gemm_block_rows(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
uint32_t pqs_gemm_a_flip(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
uint32_t pqs_gemm_a_offset(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
int32_t pqs_gemm_start_of(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel,
                          const int64_t *b);

/* gemm_bits.c: of BITS. Whether bits are xor-ed, not and-ed; what counts are multiplied by; what a
 * column starts from; up to 32 of its bits; a row's bits, or PQS_ERROR_OPERAND; what rows add. */
int pqs_gemm_bits_differ(const pqs_gemm_plan *plan);
uint32_t pqs_gemm_bits_factor(const pqs_gemm_plan *plan);
int32_t pqs_gemm_bits_start(const pqs_gemm_plan *plan, const int64_t *b);
uint32_t pqs_gemm_bits_word(const pqs_gemm_plan *plan, const int64_t *b, size_t count);
int pqs_gemm_bits_pack_row(const pqs_gemm_plan *plan, const char *row, char *to);
void pqs_gemm_bits_add_rows(const pqs_gemm_plan *plan, const pqs_gemm_block *now);

/* gemm_int4.c: of b in 4 bits. Whether the kernel holds its products; the place of each byte plus 128; one
 * column of a panel, or PQS_ERROR_OPERAND. */
int pqs_gemm_int4_fits(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel);
void pqs_gemm_int4_places(const pqs_gemm_plan *plan, uint8_t *places);
int pqs_gemm_int4_pack(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel,
                       const uint8_t *places, const int64_t *b, int64_t offset, char *words);

/* gemm_rows.c: now->a, words of now->rows rows; packed into scratch where they are not.
 * PQS_OK or PQS_ERROR_OPERAND. */
int pqs_gemm_pack_rows(const pqs_gemm_plan *plan, size_t plane, const char *rows, size_t a_stride,
                        void *scratch, pqs_gemm_block *now);

/* gemm.c: what all blocks of a call share, PQS_OK or why there is none; some steps of one panel, and
 * whether their parts, if they are checked, held. */
int pqs_gemm_begin(const pqs_gemm_plan *plan, const void *panels, const int32_t *start, size_t m,
                   const void *a, size_t a_stride, int32_t *out, size_t out_stride,
                   const void *scratch, pqs_gemm_block *now);
int pqs_gemm_run_panel(const pqs_gemm_block *of, size_t panel, size_t first, size_t steps);

/* gemm.c: sums mod 2^32 to sums mod 2^bits; whether two stretches of bytes meet. */
void pqs_keep_bits(int bits, int is_signed, size_t rows, size_t n, int32_t *out,
                   size_t out_stride);
int pqs_overlap(const void *x, size_t x_bytes, const void *y, size_t y_bytes);

#endif

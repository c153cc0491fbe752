/* pyqsim: what one piece of integer hardware computes, bit for bit. The one public header. */
#ifndef PYQSIM_H
#define PYQSIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The part between the marks is plain C11 and also the declarations that cffi reads. */
/* --- cffi: begin --- */

enum pqs_status {
    PQS_OK = 0,
    PQS_ERROR_NULL = 1,      /* a pointer that must not be null is */
    PQS_ERROR_DATAPATH = 2,  /* a kind, width, shift or count outside what this header allows */
    PQS_ERROR_ONE_VALUE = 3, /* the reduce steps do not leave one value */
    PQS_ERROR_OPERAND = 4,   /* a code outside its table, or an order that leaves K */
    PQS_ERROR_NO_KERNEL = 5, /* a fast kernel that cannot do this call, or not on this CPU */
    PQS_TRAPPED = 6,         /* an overflow in a TRAP register; the events name the place */
    PQS_ERROR_OVERLAP = 7    /* the result would overwrite an operand */
};

const char *pqs_status_string(int status);

/* Name and version of the compiler that built the library. */
const char *pqs_compiler(void);

/* ---- registers, roundings ---------------------------------------------------------------- */

enum pqs_overflow {
    PQS_OVERFLOW_WRAP = 0,
    PQS_OVERFLOW_SATURATE = 1,
    PQS_OVERFLOW_SATURATE_SYMMETRIC = 2,
    PQS_OVERFLOW_SATURATE_HOLD = 3,
    PQS_OVERFLOW_TRAP = 4,
    PQS_OVERFLOW_SATURATE_ZERO = 5,
    PQS_OVERFLOW_WRAP_SATURATED_BITS = 6,
    PQS_OVERFLOW_SIGN_MAGNITUDE_WRAP = 7
};

/* A width and what happens to a value outside it. */
typedef struct {
    int32_t bits; /* signed 2..64, unsigned 1..63; 0: exact, the caller has proven that int64 fits */
    int32_t overflow;       /* enum pqs_overflow */
    int32_t saturated_bits; /* of the two rules that have them */
    int32_t is_signed;
} pqs_register;

/* When one is added to the floor of a quotient v. */
typedef struct {
    uint32_t table; /* bit 8*(v<0) + 4*(floor odd) + {0: zero, 1: below half, 2: half, 3: above} */
    int32_t stochastic;  /* nonzero: (v*multiplier + R) >> shift instead of the table */
    int32_t random_bits; /* 0..64: how many of R's top bits are drawn */
    uint64_t seed;
} pqs_rounding;

/* v -> round(v * multiplier / (divisor * 2^shift)), then the register. */
typedef struct {
    int64_t multiplier;
    int64_t divisor; /* >= 1; 1 where stochastic */
    int32_t shift;   /* right; -127..128, where stochastic at most 64 */
    pqs_rounding rounding;
    pqs_register range;
} pqs_narrow;

/* Sums of blocks of group * interleave values; the register acts at every addition. */
typedef struct {
    pqs_register range;
    size_t group; /* 0: one block, of any length */
    size_t interleave;
    int32_t start_bias; /* nonzero: the first accumulator of the first block starts from the bias */
    size_t spill_count; /* > 0 needs group > 0, interleave 1: one accumulator, never cleared */
    const pqs_narrow *spill;
} pqs_accumulate;

/* Approximate sums of blocks of `group` logarithms with guard_bits fraction bits; negative values
 * stand for nothing, and so does what an accumulator starts from. */
typedef struct {
    pqs_register range;
    size_t group;       /* 0: one block, of any length */
    int32_t guard_bits; /* 0..32 */
} pqs_accumulate_logs;

enum pqs_step_kind {
    PQS_STEP_NARROW = 0,
    PQS_STEP_ACCUMULATE = 1,
    PQS_STEP_ACCUMULATE_LOGS = 2
};

typedef struct {
    int32_t kind; /* enum pqs_step_kind; the other members are unused */
    pqs_narrow narrow;
    pqs_accumulate accumulate;
    pqs_accumulate_logs accumulate_logs;
} pqs_step;

/* ---- products ---------------------------------------------------------------------------- */

enum pqs_product_kind {
    PQS_PRODUCT_MULTIPLY = 0,
    PQS_PRODUCT_SHIFT = 1,
    PQS_PRODUCT_LOOKUP = 2,
    PQS_PRODUCT_ADD_LOGS = 3
};

enum pqs_shifting { PQS_SHIFTING_A = 1, PQS_SHIFTING_B = 2, PQS_SHIFTING_BOTH = 3 };

typedef struct {
    int32_t kind; /* enum pqs_product_kind */
    /* SHIFT: x * sum of the powers of two in the shifting operand, rounded when shifted right */
    int32_t shifting; /* enum pqs_shifting */
    int32_t drop;     /* 0..64 */
    int32_t sign_before;
    int32_t per_sum;
    pqs_rounding rounding;
    /* LOOKUP: table[(k * table_a + a) * table_b + b], without k where table_k is 0 */
    const int64_t *table;
    size_t table_k;
    size_t table_a;
    size_t table_b;
    /* ADD_LOGS: log2 |a * b| * 2^guard_bits where a * b has the sign asked for, else -1 */
    int32_t guard_bits; /* 0..32 */
    int32_t negative;
} pqs_product;

/* ---- data that come with a call ---------------------------------------------------------- */

/* at[chain * chain_stride + m * m_stride + n * n_stride]; a stride of 0 broadcasts. */
typedef struct {
    const int64_t *at;
    size_t chain_stride;
    size_t m_stride;
    size_t n_stride;
} pqs_values;

typedef struct {
    const float *at;
    size_t m_stride;
    size_t n_stride;
} pqs_floats;

typedef struct {
    const double *at;
    size_t m_stride;
    size_t n_stride;
} pqs_doubles;

/* ---- events ------------------------------------------------------------------------------ */

/* A 128-bit two's complement number: high * 2^64 + low. */
typedef struct {
    int64_t high;
    uint64_t low;
} pqs_words;

/* Places are ordered by (m, n, position). */
typedef struct {
    int32_t found;
    int64_t m;
    int64_t n;
    int64_t position; /* slot of the last real term inside the value, -1: it has none */
    int64_t k;        /* that term's k, -1: none */
} pqs_place;

typedef struct {
    int64_t overflows;
    pqs_place first;
    pqs_place trap; /* the first of those whose register's rule is TRAP */
    int32_t seen;   /* zero: the two extremes hold nothing */
    pqs_words minimum;
    pqs_words maximum;
} pqs_step_events;

/* ---- reduce ------------------------------------------------------------------------------ */

/* How many int64 of scratch pqs_reduce needs; 0 if the steps are invalid or too long. */
size_t pqs_reduce_scratch(const pqs_step *steps, size_t step_count, size_t slots);

/* out[m * out_stride + n] = the chain's value for row m of a and column n of b.
 *
 * a: (m, k) at a[m * a_stride + k]; b: (k, n) at b[n * b_stride + k], so columns are contiguous.
 * Elements are exact integers (codes for LOOKUP). order: `slots` entries, k or -1 for a hole;
 * null: slots = k, ascending. zero points are subtracted from the operands (null: none).
 * m_first, n_first: numbers of row 0 and column 0 in the whole, for places and random numbers.
 * events: step_count of them, added to. counts: overflows an output at
 * [m * counts_stride + n], added to; null: none.
 * The caller has proven (see pyqsim/bounds.py) that int64 holds every product, every rounded
 * value and every exact sum; where it has not, values wrap and nothing is undefined. */
int pqs_reduce(const pqs_product *product, const pqs_step *steps, size_t step_count,
               size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
               int64_t m_first, int64_t n_first,
               const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
               const pqs_values *a_zero_point, const pqs_values *b_zero_point,
               const pqs_values *bias,
               int64_t *out, size_t out_stride,
               pqs_step_events *events, int64_t *counts, size_t counts_stride, int64_t *scratch);

/* One value that met one register: an addition, a Narrow, a Narrow of a spill; or a term. */
typedef struct {
    int32_t step;   /* the reduce step; -1: a term of the product */
    int32_t spill;  /* 1 + index of the spill step, 0: not one */
    int32_t acted;  /* zero: nothing was added: the rail is held, or the logarithm of nothing */
    int64_t position; /* as in pqs_place, of the value that leaves */
    int64_t before; /* the accumulator before; 0 where there is none */
    int64_t value;  /* what came in */
    pqs_words seen; /* what the range rule saw */
    int64_t after;  /* what the register holds then */
} pqs_trace_record;

/* How many records pqs_trace writes; 0 if the steps are invalid or too long. */
size_t pqs_trace_count(const pqs_step *steps, size_t step_count, size_t slots);

/* pqs_reduce for the one output (m, n), every value on its way written down: records holds
 * pqs_trace_count of them, the terms first, then step by step in the order of work.
 * a: k elements; b: k elements; scratch and events as for pqs_reduce. */
int pqs_trace(const pqs_product *product, const pqs_step *steps, size_t step_count, size_t k,
              size_t slots, const int64_t *order, int64_t m, int64_t n, const int64_t *a,
              const int64_t *b, int64_t a_zero_point, int64_t b_zero_point, int64_t bias,
              int64_t *out, pqs_step_events *events, pqs_trace_record *records, int64_t *scratch);

/* Instruction sets, in the order of preference. Asked for one, a kernel that has no form for it
 * uses that of another which every such CPU has. */
enum pqs_isa {
    PQS_ISA_AUTO = 0,
    PQS_ISA_PORTABLE = 1,
    PQS_ISA_NEON = 2,
    PQS_ISA_DOTPROD = 3,
    PQS_ISA_AVX2 = 4,
    PQS_ISA_AVXVNNI = 5,
    PQS_ISA_AVX512BW = 6,
    PQS_ISA_AVX512VNNI = 7,
    PQS_ISA_AVX512VBMI = 8,
    PQS_ISA_AVX512VPOPCNTDQ = 9
};

/* Whether this CPU runs an ISA. */
int pqs_isa_available(int isa);

/* How many int64 of scratch pqs_reduce_lanes needs; 0 if it cannot do these steps. */
size_t pqs_reduce_lanes_scratch(const pqs_step *steps, size_t step_count, size_t n, size_t slots);

/* pqs_reduce, sixteen rows at a time: the same arguments, values and events.
 * The caller has also proven that int32 holds every operand less its zero point, every product,
 * every bias, every sum before its range rule and every rounded value.
 * PQS_ERROR_NO_KERNEL: not for these steps or operands, or not on this CPU; nothing was written. */
int pqs_reduce_lanes(int isa, const pqs_product *product, const pqs_step *steps, size_t step_count,
                     size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
                     int64_t m_first, int64_t n_first,
                     const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
                     const pqs_values *a_zero_point, const pqs_values *b_zero_point,
                     const pqs_values *bias,
                     int64_t *out, size_t out_stride,
                     pqs_step_events *events, int64_t *counts, size_t counts_stride,
                     int64_t *scratch);

/* ---- matrix products in int32 -------------------------------------------------------------- */

enum pqs_gemm_kind {
    PQS_GEMM_INT8 = 0,  /* sums mod 2^32; a: 8 bits, b: int8 */
    PQS_GEMM_INT16 = 1, /* sums mod 2^32; a: 8 or 16 bits, b: int16 */
    PQS_GEMM_CLAMP = 2, /* k ascending, clamped to [minimum, maximum] at every addition; int16
                           holds a - a_zero_point and b; |product| + |rail| < 2^31 */
    PQS_GEMM_TOP = 3,   /* the same for the range of `bits` signed bits; int16 holds
                           (a - a_zero_point) * 2^a_shift and b * 2^(32 - bits - a_shift) */
    PQS_GEMM_TABLE = 4, /* sums of tables mod 2^32; a: 8 bits, b: places 0..15 */
    PQS_GEMM_PAIR = 5,  /* sums mod 2^32 of pairs of k that saturate at 16 bits; a: uint8, b: int8 */
    PQS_GEMM_GROUP = 6, /* groups of k: exact sums, clamped to [minimum, maximum] at their end; an
                           outer accumulator adds them up. int16 holds a - a_zero_point and b, int32
                           every number on the way but an outer sum that wraps */
    PQS_GEMM_GROUP_CLAMP = 7, /* the same, groups clamped at every addition */
    PQS_GEMM_GROUP_TOP = 8,   /* the same for groups in the range of group_bits signed bits; int16
                           holds (a - a_zero_point) * 2^a_shift and b * 2^(32 - group_bits - a_shift) */
    /* of tables with up to 256 places; a: 8 bits, b: places: */
    PQS_GEMM_GATHER = 9,        /* sums mod 2^32 */
    PQS_GEMM_GATHER_CLAMP = 10, /* as CLAMP; int32 holds rail + term */
    PQS_GEMM_PERMUTE = 11,      /* sums mod 2^32 */
    PQS_GEMM_PERMUTE_CLAMP = 12, /* as CLAMP; int16 holds terms and rails, or int32 rail + term */
    PQS_GEMM_BITS = 13, /* sums mod 2^32; a: 8 bits, two codes; b: two integers */
    PQS_GEMM_TOP_HALVES = 14, /* as TOP; int16 holds (a - a_zero_point) * 2^a_shift and
                                b * 2^(31 - bits - a_shift) */
    PQS_GEMM_INT4 = 15, /* sums mod 2^32; a: 8 bits, b: 16 integers that int8 holds */
    PQS_GEMM_TABLE4 = 16 /* as TABLE, b in 4 bits */
};

enum pqs_element { PQS_ELEMENT_UINT8 = 0, PQS_ELEMENT_INT8 = 1, PQS_ELEMENT_INT16 = 2 };

typedef struct {
    int32_t kind; /* enum pqs_gemm_kind */
    int32_t isa;
    int32_t a_element; /* enum pqs_element */
    size_t n;
    size_t k;          /* 1 or more */
    int32_t bits;      /* 1..32: of the result, sums mod 2^bits; CLAMP: unused */
    int32_t is_signed; /* whether those are sign-extended */
    int32_t a_shift;   /* TOP, TOP_HALVES, GROUP_TOP */
    int32_t a_zero_point; /* subtracted from every a; PAIR: 0 */
    int32_t minimum;   /* CLAMP: they hold 0 and every start; GROUP, GROUP_CLAMP: they hold 0;
                          PERMUTE: this is the least of all terms and 0 */
    int32_t maximum;
    size_t group;      /* GROUP*: k of a group, even; the last may be shorter */
    int32_t group_bits;
    int32_t outer_minimum; /* GROUP*: of the outer accumulator, at every addition; equal: it wraps */
    int32_t outer_maximum;
    const int32_t *places; /* not for sums, tables, bits: of each k in a's row; null: ascending */
    size_t row_length;     /* elements of such a row */
    /* INT4: int8 at [place]: the 16 integers of b less its offsets.
     * TABLE, TABLE4: int8 at [(plane * 256 + byte of a) * 16 + place]; a term is plane 0's entry, plus 128
     * times plane 1's where there are 2.
     * Others: row 0 stands for a term of 0, row 1 + x for a byte x of a. GATHER and GATHER_CLAMP:
     * terms, int32 at [row * entries + place]. PERMUTE: bytes at [(plane * 257 + row) * width +
     * place], 1..4 planes, plane i's times 2^(8 * i); a term is their sum plus minimum.
     * PERMUTE_CLAMP: so, terms in two's complement: 2 planes where int16 holds terms and rails, or
     * 4. width: entries, up to 64, 128, 256. */
    const void *tables;
    int32_t planes;
    int32_t entries; /* of a row: b's places */
    int32_t a_mask;       /* BITS: what of a's codes counts, one of a_codes; 1..255 */
    int32_t a_codes[2];
    int32_t a_values[2];  /* BITS: what they stand for; no a_zero_point is subtracted */
    int32_t b_values[2];  /* BITS: [0] is 0 where one of them is, for speed */
    const int32_t *b_offsets; /* INT8, INT4: of each start, subtracted from b's column; null: 0 */
} pqs_gemm_plan;

/* Of which ISA the kernel is that a plan would use; PQS_ISA_AUTO: there is none. */
int pqs_gemm_isa(const pqs_gemm_plan *plan);

/* INT4's integers: those of b, ascending, the last of them repeated; how many there are, 0: more than
 * 16, or int8 does not hold them. b: (k, n) at b[n * b_stride + k]. */
int pqs_gemm_sixteen(size_t n, size_t k, const int64_t *b, size_t b_stride, int8_t *integers);

/* Bytes of panels, int32 of start, bytes of scratch; all 0 where there is no kernel. */
void pqs_gemm_sizes(const pqs_gemm_plan *plan, size_t *panels, size_t *start, size_t *scratch);

/* Write b's panels, and what the sums start from without a bias (mod 2^32; TOP and TOP_HALVES:
 * a bias is added to it times 2^(32 - bits)).
 * b: (k, n) at b[n * b_stride + k]; int8 or int16 holds its elements, as the kind has it, less
 * the offsets.
 * INT4, TABLE4: b's places, 4 bits each; a panel is steps of 8 k, of each column a word of 4 bytes: the low
 * halves of those are the first four k, the high halves the next four.
 * PQS_ERROR_OPERAND: a place is not in a row; INT4, TABLE4: an integer is not one of
 * the 16. */
int pqs_gemm_pack(const pqs_gemm_plan *plan, const int64_t *b, size_t b_stride, void *panels,
                  int32_t *start);

/* out[m * out_stride + n] for m rows of a, a_stride bytes apart.
 * PQS_ERROR_OVERLAP: nothing was written.
 * PQS_ERROR_OPERAND: BITS, a holds another code than its two; out is undefined. */
int pqs_gemm_run(const pqs_gemm_plan *plan, const void *panels, const int32_t *start, size_t m,
                 const void *a, size_t a_stride, int32_t *out, size_t out_stride, void *scratch);

/* pqs_gemm_run of several planes of b of one form, one pass over a: what plane p leaves starts at
 * out + p * out_plane. Panels and starts, and b_offsets, follow each other, each plane's as
 * pqs_gemm_pack writes them. */
int pqs_gemm_run_planes(const pqs_gemm_plan *plan, size_t planes, const void *panels,
                        const int32_t *start, size_t m, const void *a, size_t a_stride,
                        int32_t *out, size_t out_stride, size_t out_plane, void *scratch);

/* What proves, part by part of k, that a saturating sum is exact: INT8, INT4 and INT16.
 * A lane's sum plus its correction is the true prefix; a prefix in [minimum - low, maximum - high]
 * stays in [minimum, maximum] over the part that follows, whatever a in [a_low, a_high] does. */
typedef struct {
    size_t part_steps;    /* words of k in a part */
    int32_t *corrections; /* [parts][starts] */
    int64_t *low;         /* [parts][panels] */
    int64_t *high;
} pqs_gemm_checks;

/* How many parts, starts and panels: for the arrays of pqs_gemm_checks. */
void pqs_gemm_check_sizes(const pqs_gemm_plan *plan, size_t part_steps, size_t *parts,
                          size_t *starts, size_t *panels);

/* Fill the arrays; a_low, a_high: of a, zero point not yet subtracted. */
int pqs_gemm_pack_checks(const pqs_gemm_plan *plan, const int64_t *b, size_t b_stride,
                         int64_t a_low, int64_t a_high, pqs_gemm_checks *checks);

/* pqs_gemm_run for sums that saturate at plan->minimum and maximum, as long as none does: *done rows
 * are right, and the proof failed in those that follow, or all are. */
int pqs_gemm_run_checked(const pqs_gemm_plan *plan, const pqs_gemm_checks *checks,
                         const void *panels, const int32_t *start, size_t m, const void *a,
                         size_t a_stride, int32_t *out, size_t out_stride, void *scratch,
                         size_t *done);

/* Windows of images; window m is column m mod out_columns of row m / out_columns mod out_rows of a
 * batch. All strides in bytes: *_step from window to window, *_stride from tap to tap. */
typedef struct {
    const void *image;
    size_t out_rows;
    size_t out_columns;
    size_t rows;    /* of a window */
    size_t columns;
    size_t bytes;   /* of one tap: its channels, neighbours in memory */
    size_t batch_stride;
    size_t row_step;
    size_t column_step;
    size_t row_stride;
    size_t column_stride;
} pqs_windows;

/* Write the taps of windows first..first+count-1, one after the other. */
int pqs_gather_windows(const pqs_windows *from, size_t first, size_t count, void *out);

/* ---- matrix products in int64 -------------------------------------------------------------- */

/* Of integers that int32 holds, zero points subtracted, k ascending. */
typedef struct {
    int32_t isa;
    size_t n;
    size_t k; /* 1 or more */
    size_t group; /* products between clamps, the last group may be shorter; 0: a sum mod 2^bits */
    int64_t minimum; /* of clamps; int64 holds them plus any sum of group products */
    int64_t maximum;
    int32_t bits;      /* 1..64 */
    int32_t is_signed; /* whether sums mod 2^bits are sign-extended */
} pqs_wide_plan;

/* Of which ISA the kernel is that a plan would use; PQS_ISA_AUTO: there is none. */
int pqs_wide_isa(const pqs_wide_plan *plan);

/* int64 of panels and of starts; all 0 where there is no kernel. */
void pqs_wide_sizes(const pqs_wide_plan *plan, size_t *panels, size_t *start);

/* Write b's panels. b: (k, n) at b[n * b_stride + k]. PQS_ERROR_OPERAND: int32 does not hold it. */
int pqs_wide_pack(const pqs_wide_plan *plan, const int64_t *b, size_t b_stride, int64_t *panels);

/* out[m * out_stride + n]; start: what the sum of each column starts from. All strides in elements.
 * PQS_ERROR_OVERLAP: nothing was written. */
int pqs_wide_run(const pqs_wide_plan *plan, const int64_t *panels, const int64_t *start, size_t m,
                 const int64_t *a, size_t a_stride, int64_t *out, size_t out_stride);

/* A dot product a channel, over the taps of windows in the order of rows and columns. */
typedef struct {
    int32_t kind;      /* PQS_GEMM_INT16 or PQS_GEMM_CLAMP, with what those ask of the operands */
    int32_t isa;
    int32_t a_element; /* enum pqs_element, of the images */
    size_t channels;   /* 1 or more; windows->bytes holds as many elements */
    int32_t bits;      /* INT16: 1..32, of the result, sums mod 2^bits */
    int32_t is_signed; /* INT16: whether those are sign-extended */
    int32_t a_zero_point; /* CLAMP: subtracted from every element of the images */
    int32_t minimum;   /* CLAMP */
    int32_t maximum;
} pqs_depthwise_plan;

/* Of which ISA the kernel is that a plan would use; PQS_ISA_AUTO: there is none. */
int pqs_depthwise_isa(const pqs_depthwise_plan *plan);

/* out[m * out_stride + c] for windows first..first+count-1, without gathering them.
 * weights: (rows, columns, channels), int16 holds them. start: what the sum of each channel starts
 * from. PQS_ERROR_OVERLAP: nothing was written. */
int pqs_depthwise_run(const pqs_depthwise_plan *plan, const pqs_windows *windows,
                      const int32_t *weights, const int32_t *start, size_t first, size_t count,
                      int32_t *out, size_t out_stride);

/* out[m * out_stride + n] = -zb*sum(a) - za*sum(b) + k*za*zb, one exact integer. */
int pqs_zero_point_correction(size_t m, size_t n, size_t k,
                              const int64_t *a, size_t a_stride,
                              const int64_t *b, size_t b_stride,
                              const pqs_values *a_zero_point, const pqs_values *b_zero_point,
                              int64_t *out, size_t out_stride);

/* ---- output ------------------------------------------------------------------------------ */

enum pqs_output_kind {
    PQS_OUTPUT_ADD = 0,         /* v + data, then the register */
    PQS_OUTPUT_MERGE = 1,       /* sum over chains of data * v, the register at every addition */
    PQS_OUTPUT_NARROW = 2,      /* narrow; its multiplier and shift may come from the data */
    PQS_OUTPUT_FLOAT_SCALE = 3, /* rint(float(v) * scale ...) in float32, saturated to int32 */
    PQS_OUTPUT_CLAMP = 4,       /* min(max(v, minimum), maximum) */
    PQS_OUTPUT_LOOKUP = 5,      /* table[v mod table_size], table_size a power of two */
    PQS_OUTPUT_THRESHOLDS = 6,  /* how many of the table_size thresholds t have v >= t */
    PQS_OUTPUT_FROM_LOGS = 7,   /* (2^G + v mod 2^G) * 2^(v >> G), G = guard_bits; 0 where v < 0 */
    PQS_OUTPUT_DOUBLE_SCALE = 8 /* round(double(v) * scale), ties away, saturated to int32 */
};

/* What the data's shift s (positive: left) adds to narrow.shift. */
enum pqs_shift_part {
    PQS_SHIFT_NONE = 0,
    PQS_SHIFT_ALL = 1,  /* -s */
    PQS_SHIFT_LEFT = 2, /* -max(s, 0) */
    PQS_SHIFT_RIGHT = 3 /* max(-s, 0) */
};

typedef struct {
    int32_t kind;         /* enum pqs_output_kind */
    int32_t index;        /* of the datapath's output step this is (part of) */
    pqs_register range;   /* ADD, MERGE */
    pqs_narrow narrow;    /* NARROW */
    int32_t multiplier_from_data; /* NARROW: data replaces narrow.multiplier */
    int32_t shift_part;   /* NARROW: enum pqs_shift_part, of shift_data */
    pqs_values data;      /* ADD, MERGE, NARROW; FLOAT_SCALE with a BEFORE: zero point */
    pqs_values shift_data;
    pqs_floats scale;     /* FLOAT_SCALE; what is then no number becomes INT32_MIN */
    pqs_floats second;    /* FLOAT_SCALE: (v * scale * second + addend) * last, each operation */
    pqs_floats addend;    /*   rounded; what is absent is left out */
    pqs_floats last;
    int32_t clamp_before; /* FLOAT_SCALE: clamp to [minimum - zp, maximum - zp] before rounding */
    int32_t zero_point_before; /* FLOAT_SCALE: rint(y + zp) - zp, + in float32 */
    int64_t minimum;      /* CLAMP, FLOAT_SCALE */
    int64_t maximum;
    const int64_t *table; /* LOOKUP, THRESHOLDS: at [n * table_n_stride + i] */
    size_t table_size;
    size_t table_n_stride;
    int32_t guard_bits; /* FROM_LOGS: 0..32 */
    pqs_doubles double_scale; /* DOUBLE_SCALE */
} pqs_output_step;

/* values[chain][m][n], contiguous, are replaced by their output; after a MERGE only chain 0 counts.
 * step_first: number of output step 0 in random-number counters (the count of reduce steps).
 * m_first, n_first: as in pqs_reduce.
 * trap: position holds the index of the output step that trapped. */
int pqs_output(const pqs_output_step *steps, size_t step_count, int32_t step_first,
               size_t chains, size_t m, size_t n, int64_t m_first, int64_t n_first,
               int64_t *values, pqs_place *trap);

/* pqs_output of one chain, many columns at a time: the same values.
 * The caller has also proven that 63 bits hold every sum before its range rule and every
 * value * multiplier * 2^left, and that no register is a TRAP.
 * PQS_ERROR_NO_KERNEL: not for these steps, or not on this CPU; nothing was written. */
int pqs_output_lanes(int isa, const pqs_output_step *steps, size_t step_count, size_t m, size_t n,
                     int64_t *values);

/* pqs_output_lanes of values that stand in 32 bits: the caller has also proven that those hold every
 * result. The steps themselves run on 64. */
int pqs_output_lanes_int32(int isa, const pqs_output_step *steps, size_t step_count, size_t m,
                           size_t n, int32_t *values);

/* pqs_output of one chain in lanes of 32 bits, lowered once for all rows of n columns: the same
 * values. Beside what pqs_output_lanes asks, the caller has proven that 32 bits hold every value
 * that a step other than ADD is given, the last one, and every sum and quotient before its range
 * rule, unless that rule WRAPs to 32 bits or fewer. No data may differ from row to row.
 * PQS_ERROR_NO_KERNEL: not for these steps, or not on this CPU. */

/* *bytes: how many the program takes. m: rows that are run, if they are few. */
int pqs_output_int32_size(const pqs_output_step *steps, size_t step_count, size_t m, size_t n,
                          size_t *bytes);

/* The program, into the caller's bytes; all arrays are copied. */
int pqs_output_int32_lower(int isa, const pqs_output_step *steps, size_t step_count, size_t m,
                           size_t n, void *bytes);

/* values[m][n] are replaced by their output. The bytes must stay where they were filled. */
int pqs_output_int32_run(const void *bytes, size_t m, int32_t *values);

/* A MERGE of values[chain][m][n], contiguous, many columns at a time: into chain 0. What is proven,
 * and PQS_ERROR_NO_KERNEL, as of pqs_output_lanes; the data's n_stride is 1. */
int pqs_merge_lanes(int isa, const pqs_output_step *step, size_t chains, size_t m, size_t n,
                    int64_t *values);

/* pqs_merge_lanes of values in 32 bits, chain c at values + c * value_stride, into out[m][n]. */
int pqs_merge_lanes_int32(int isa, const pqs_output_step *step, size_t chains, size_t m, size_t n,
                          const int32_t *values, size_t value_stride, int64_t *out);

/* ---- primitives, for tests and users ------------------------------------------------------ */

/* out[i] = the Narrow step on x[i]; *overflows = how many left the register. */
int pqs_narrow_array(const pqs_narrow *step, size_t count, const int64_t *x, int64_t *out,
                     int64_t *overflows, pqs_place *trap);

/* Philox4x32-10: four random words for a counter of four words and a key of two. */
void pqs_philox4x32_10(const uint32_t *counter, const uint32_t *key, uint32_t *words);

/* --- cffi: end --- */

#ifdef __cplusplus
}
#endif

#endif

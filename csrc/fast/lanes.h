/* Sixteen outputs at a time, each in its own lane, through the same steps in the same order.
 *
 * One source for every instruction set: lanes_<isa>.c includes lanes_body.h and is compiled with the
 * flags that its name asks for. The caller (plan/reduce_lanes.c) has proven that int32 holds every
 * product, every sum before its range rule and every rounded value. */
#ifndef PQS_FAST_LANES_H
#define PQS_FAST_LANES_H

#include <stddef.h>
#include <stdint.h>

#define PQS_LANES 16
#define PQS_LANES_MAX_STEPS 8
#define PQS_LANES_CHUNK 64 /* values of a lane that go through one step before the next step runs */

typedef int32_t pqs_lane_values[PQS_LANES];

enum pqs_lane_rule { PQS_LANE_EXACT, PQS_LANE_CLAMP, PQS_LANE_WRAP };

typedef struct {
    int is_accumulate;
    /* Narrow: v >> shift, plus 1 where the table says so */
    int shift;
    uint32_t table;
    /* Accumulate: values an accumulator adds before it is passed on; SIZE_MAX: all */
    size_t group;
    int start_bias;
    /* the register */
    enum pqs_lane_rule rule;
    int32_t minimum;
    int32_t maximum;
    int wrap_shift;    /* 32 - bits */
    int32_t wrap_mask; /* unsigned registers: 2^bits - 1; signed: 0 */
} pqs_lane_step;

typedef struct {
    pqs_lane_values out;
    pqs_lane_values minimum[PQS_LANES_MAX_STEPS];
    pqs_lane_values maximum[PQS_LANES_MAX_STEPS];
    pqs_lane_values overflows[PQS_LANES_MAX_STEPS];
} pqs_lane_result;

/* a: `slots` vectors of one element a lane; b: `slots` elements that all lanes share.
 * table null: term = a * b. Else term = table[b * table_stride + a]. */
typedef void pqs_lanes_kernel(const pqs_lane_step *steps, size_t step_count, size_t slots,
                              const pqs_lane_values *a, const int32_t *b, const int32_t *table,
                              size_t table_stride, const int32_t *bias, pqs_lane_result *result);

/* NULL where the compiler could not build them. */
extern pqs_lanes_kernel *const pqs_lanes__portable;
extern pqs_lanes_kernel *const pqs_lanes__avx2;
extern pqs_lanes_kernel *const pqs_lanes__avx512bw;

#endif

/* The tile of gemm.h for bits. The including file defines `vector`, both(a, b), differ(a, b),
 * count(acc, bits), which adds the count of bits to each lane, total(acc), which makes int32 of what
 * count left, and multiply(counts, multipliers). */
#define A_WORDS 1
#define FLIPS

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return count(acc, both(a, b));
}

static inline vector count_differences(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return count(acc, differ(a, b));
}
#define multiply_add_flipped count_differences

#define begin_lanes(start) none(start)
static inline vector none(const int32_t *start) {
    static const int32_t zero = 0;
    (void)start;
    return broadcast(&zero);
}

#define end_lanes start_and_product
static inline vector start_and_product(const int32_t *start, vector acc, const constants *held) {
    return add(load(start), multiply(total(acc), held->multipliers));
}

#include "fast/gemm_body.h"

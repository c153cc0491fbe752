/* Products in int64 lanes by smull on 128 bits, where the compiler can. */
#include "fast/wide.h"

#ifdef __aarch64__
#include <arm_neon.h>

typedef int64x2_t vector;

static inline vector load(const int64_t *from) { return vld1q_s64(from); }
static inline void store(int64_t *to, vector x) { vst1q_s64(to, x); }
static inline vector spread(int64_t x) { return vdupq_n_s64(x); }
static inline vector add(vector x, vector y) { return vaddq_s64(x, y); }
static inline vector multiply(vector x, vector y) {
    return vmull_s32(vmovn_s64(x), vmovn_s64(y));
}
static inline vector smaller(vector x, vector y) { return vbslq_s64(vcgtq_s64(x, y), y, x); }
static inline vector larger(vector x, vector y) { return vbslq_s64(vcgtq_s64(x, y), x, y); }

#include "fast/wide_body.h"

const pqs_wide_kernel pqs_wide__neon = {COLUMNS, run_wide};
#else
const pqs_wide_kernel pqs_wide__neon = {0};
#endif

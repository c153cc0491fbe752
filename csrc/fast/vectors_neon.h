/* Words in 128-bit vectors. */
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef int32x4_t vector;

static inline vector load(const void *from) {
    vector x;
    memcpy(&x, from, sizeof x);
    return x;
}
static inline void store(void *to, vector x) { memcpy(to, &x, sizeof x); }
static inline vector flip(vector x, vector mask) { return veorq_s32(x, mask); }

static inline vector broadcast(const void *from) {
    int32_t word;
    memcpy(&word, from, sizeof word);
    return vdupq_n_s32(word);
}

static inline vector add(vector x, vector y) { return vaddq_s32(x, y); }
static inline vector multiply_low(vector x, vector y) { return vmulq_s32(x, y); }
static inline vector smaller(vector x, vector y) { return vminq_s32(x, y); }
static inline vector larger(vector x, vector y) { return vmaxq_s32(x, y); }

/* pqs_gemm_constants in every lane. */
typedef struct {
    vector a_flip, multipliers, minimum, maximum, outer_minimum, outer_maximum;
    vector integers; /* all of them in every 16 bytes */
    vector group_shift;
} constants;

static inline constants constants_of(const pqs_gemm_constants *given) {
    return (constants){broadcast(&given->a_flip),        broadcast(&given->multipliers),
                       broadcast(&given->minimum),       broadcast(&given->maximum),
                       broadcast(&given->outer_minimum), broadcast(&given->outer_maximum),
                       load(given->integers),
                       broadcast(&given->group_shift)};
}

/* Of each byte's low or high four bits the integer. */
static inline vector integers_of(vector bytes, size_t high, const constants *held) {
    const uint8x16_t low = vandq_u8(vreinterpretq_u8_s32(bytes), vdupq_n_u8(15));
    const uint8x16_t places = high ? vshrq_n_u8(vreinterpretq_u8_s32(bytes), 4) : low;
    return vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(held->integers), places));
}

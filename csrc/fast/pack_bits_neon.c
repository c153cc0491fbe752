/* pack_bits.h by CMEQ and pairwise additions of one bit a code, where the CPU is an aarch64. */
#include "fast/pack_bits.h"

#ifdef __aarch64__
#include "fast/pack_bits_rest.h"

#include <arm_neon.h>

/* One bit a code: 16 of them. */
static inline uint16_t bits_of(uint8x16_t is_one) {
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t sums = vandq_u8(is_one, vld1q_u8(places));
    for (int i = 0; i < 3; i++) sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u16(vreinterpretq_u16_u8(sums), 0);
}

static int pack_bits(size_t count, const char *codes, uint8_t mask, uint8_t zero, uint8_t one,
                     char *words) {
    const uint8x16_t masks = vdupq_n_u8(mask), zeros = vdupq_n_u8(zero), ones = vdupq_n_u8(one);
    uint8x16_t either = vdupq_n_u8(255);
    size_t first = 0;
    for (; count - first >= 32; first += 32) {
        uint16_t halves[2];
        for (size_t half = 0; half < 2; half++) {
            const uint8_t *const from = (const uint8_t *)codes + first + 16 * half;
            const uint8x16_t code = vandq_u8(vld1q_u8(from), masks);
            const uint8x16_t is_one = vceqq_u8(code, ones);
            either = vandq_u8(either, vorrq_u8(is_one, vceqq_u8(code, zeros)));
            halves[half] = bits_of(is_one);
        }
        memcpy(words + first / 8, halves, sizeof halves);
    }
    const int rest = pack_rest(count - first, codes + first, mask, zero, one, words + first / 8);
    return rest && vminvq_u8(either) == 255;
}

pqs_pack_bits *const pqs_pack_bits__neon = pack_bits;
#else
pqs_pack_bits *const pqs_pack_bits__neon = NULL;
#endif

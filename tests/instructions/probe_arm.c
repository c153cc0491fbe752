// Arm NEON instructions, one rule each: NAME_BITS has results of BITS bits; see probe.h.

#include <arm_neon.h>
#include <sys/auxv.h>

#include "probe.h"

// FPSR's cumulative saturation bit, QC. The memory clobbers keep loads and stores in place, and
// with them what is computed in between.
static inline void clear_flag(void) { __asm__ volatile("msr fpsr, xzr" ::: "memory"); }

static inline uint8_t flag(void)
{
    uint64_t fpsr;
    __asm__ volatile("mrs %0, fpsr" : "=r"(fpsr)::"memory");
    return fpsr >> 27 & 1;
}

// One rule: LANES results at a time. In EXPRESSION, which makes `acc`: `a` is one group as a
// scalar of type A, `b` points at LANES groups, as scalars of type B, `acc` is a vector of SUFFIX.
#define RULE(NAME, SUFFIX, VECTOR, LANES, A, B, EXPRESSION)                                        \
    static void run_##NAME(const struct call *x)                                                   \
    {                                                                                              \
        for (size_t m = 0; m < x->m; m++)                                                          \
            for (size_t block = 0; block < x->n; block += BLOCK) {                                 \
                clear_flag();                                                                      \
                for (size_t n = block; n < block + BLOCK; n += LANES) {                            \
                    VECTOR acc = vdupq_n_##SUFFIX(0);                                              \
                    if (x->c)                                                                      \
                        memcpy(&acc, c_at(x, m, n), sizeof acc);                                   \
                    for (size_t group = 0; group < x->groups; group++) {                           \
                        A a;                                                                       \
                        memcpy(&a, a_at(x, m, group), sizeof a);                                   \
                        const B *b = (const B *)(const void *)b_at(x, group, n);                   \
                        acc = EXPRESSION;                                                          \
                    }                                                                              \
                    memcpy(out_at(x, m, n), &acc, sizeof acc);                                     \
                }                                                                                  \
                *flag_at(x, m, block) = flag();                                                    \
            }                                                                                      \
    }

#define INT(BITS) int##BITS##_t
#define ALL(MACRO) MACRO(8, 16) MACRO(16, 8) MACRO(32, 4)
#define MULTIPLY_HIGH(BITS, LANES)                                                                 \
    RULE(sqrdmulh_##BITS, s##BITS, int##BITS##x##LANES##_t, LANES, INT(BITS), INT(BITS),           \
         vqrdmulhq_s##BITS(vdupq_n_s##BITS(a), vld1q_s##BITS(b)))                                  \
    RULE(sqdmulh_##BITS, s##BITS, int##BITS##x##LANES##_t, LANES, INT(BITS), INT(BITS),            \
         vqdmulhq_s##BITS(vdupq_n_s##BITS(a), vld1q_s##BITS(b)))                                   \
    RULE(sqrdmlah_##BITS, s##BITS, int##BITS##x##LANES##_t, LANES, INT(BITS), INT(BITS),           \
         vqrdmlahq_s##BITS(acc, vdupq_n_s##BITS(a), vld1q_s##BITS(b)))
MULTIPLY_HIGH(16, 8)
MULTIPLY_HIGH(32, 4)

#define WIDENING(NAME, OP, HALF, BITS, LANES)                                                      \
    RULE(NAME##_##BITS, s##BITS, int##BITS##x##LANES##_t, LANES, INT(HALF), INT(HALF),             \
         OP##_s##HALF(acc, vdup_n_s##HALF(a), vld1_s##HALF(b)))
WIDENING(smlal, vmlal, 8, 16, 8)
WIDENING(smlal, vmlal, 16, 32, 4)
WIDENING(smlal, vmlal, 32, 64, 2)
WIDENING(sqdmlal, vqdmlal, 16, 32, 4)

#define LANEWISE(NAME, OP, FIRST, SECOND, BITS, LANES)                                             \
    RULE(NAME##_##BITS, s##BITS, int##BITS##x##LANES##_t, LANES, INT(BITS), INT(BITS),             \
         OP##q_s##BITS(FIRST, SECOND))
#define SUMS_AND_SHIFTS(BITS, LANES)                                                               \
    LANEWISE(sqadd, vqadd, vld1q_s##BITS(b), vdupq_n_s##BITS(a), BITS, LANES)                      \
    LANEWISE(sqsub, vqsub, vld1q_s##BITS(b), vdupq_n_s##BITS(a), BITS, LANES)                      \
    LANEWISE(srshl, vrshl, vdupq_n_s##BITS(a), vld1q_s##BITS(b), BITS, LANES)                      \
    LANEWISE(sqrshl, vqrshl, vdupq_n_s##BITS(a), vld1q_s##BITS(b), BITS, LANES)                    \
    LANEWISE(sshl, vshl, vdupq_n_s##BITS(a), vld1q_s##BITS(b), BITS, LANES)
ALL(SUMS_AND_SHIFTS)

// Four 8-bit products a lane; `a` holds one group of four bytes.
RULE(sdot, s32, int32x4_t, 4, int32_t, int8_t,
     vdotq_s32(acc, vreinterpretq_s8_s32(vdupq_n_s32(a)), vld1q_s8(b)))
RULE(udot, u32, uint32x4_t, 4, uint32_t, uint8_t,
     vdotq_u32(acc, vreinterpretq_u8_u32(vdupq_n_u32(a)), vld1q_u8(b)))
RULE(usdot, s32, int32x4_t, 4, uint32_t, int8_t,
     vusdotq_s32(acc, vreinterpretq_u8_u32(vdupq_n_u32(a)), vld1q_s8(b)))

// A tile of 2 x 2 results; M is even.
static void run_smmla(const struct call *x)
{
    for (size_t m = 0; m < x->m; m += 2)
        for (size_t n = 0; n < x->n; n += 2) {
            int32_t tile[4];
            memcpy(tile, c_at(x, m, n), 8);
            memcpy(tile + 2, c_at(x, m + 1, n), 8);
            int32x4_t acc = vld1q_s32(tile);
            for (size_t group = 0; group < x->groups; group++) {
                int8_t rows[16];
                memcpy(rows, a_at(x, m, group), 8);
                memcpy(rows + 8, a_at(x, m + 1, group), 8);
                acc = vmmlaq_s32(acc, vld1q_s8(rows), vld1q_s8((const int8_t *)b_at(x, group, n)));
            }
            vst1q_s32(tile, acc);
            memcpy(out_at(x, m, n), tile, 8);
            memcpy(out_at(x, m + 1, n), tile + 2, 8);
        }
}

// Float to integer of a * 2**b: exact in float32 for |a| < 2**24, so that only the conversion
// rounds.
#define CONVERSION(NAME, OP)                                                                       \
    RULE(NAME, s32, int32x4_t, 4, int32_t, int32_t,                                                \
         OP(vmulq_f32(vcvtq_f32_s32(vdupq_n_s32(a)),                                               \
                      vreinterpretq_f32_s32(                                                       \
                          vshlq_n_s32(vaddq_s32(vld1q_s32(b), vdupq_n_s32(127)), 23)))))
CONVERSION(fcvtns_32, vcvtnq_s32_f32)
CONVERSION(fcvtas_32, vcvtaq_s32_f32)
CONVERSION(fcvtzs_32, vcvtq_s32_f32)
RULE(fmul_fcvtns, s32, int32x4_t, 4, int32_t, float,
     vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(vdupq_n_s32(a)), vld1q_f32(b))))

// Narrowing shifts by a constant of the instruction, b; LANES values of a at a time, M is a
// multiple of 8.
#define STEP(I, OP, LOAD, OUT, LANES)                                                              \
    case I:                                                                                        \
        for (size_t m = 0; m < x->m; m += LANES) {                                                 \
            OUT lanes = OP(LOAD((const void *)a_at(x, m, 0)), I);                                  \
            for (size_t lane = 0; lane < LANES; lane++)                                            \
                memcpy(out_at(x, m + lane, n), (const uint8_t *)&lanes + lane * x->out_bytes,      \
                       x->out_bytes);                                                              \
        }                                                                                          \
        break;
#define STEPS8(I, ...)                                                                             \
    STEP(I + 1, __VA_ARGS__) STEP(I + 2, __VA_ARGS__) STEP(I + 3, __VA_ARGS__)                     \
    STEP(I + 4, __VA_ARGS__) STEP(I + 5, __VA_ARGS__) STEP(I + 6, __VA_ARGS__)                     \
    STEP(I + 7, __VA_ARGS__) STEP(I + 8, __VA_ARGS__)
#define UP_TO_8(...) STEPS8(0, __VA_ARGS__)
#define UP_TO_16(...) UP_TO_8(__VA_ARGS__) STEPS8(8, __VA_ARGS__)
#define UP_TO_32(...) UP_TO_16(__VA_ARGS__) STEPS8(16, __VA_ARGS__) STEPS8(24, __VA_ARGS__)

#define NARROWING(NAME, OP, OUT, WIDE, BITS, LANES)                                                \
    static void run_##NAME##_##BITS(const struct call *x)                                          \
    {                                                                                              \
        for (size_t n = 0; n < x->n; n++) {                                                        \
            INT(BITS) shift;                                                                       \
            memcpy(&shift, b_at(x, 0, n), sizeof shift);                                           \
            switch (shift) {                                                                       \
                UP_TO_##BITS(OP##_s##WIDE, vld1q_s##WIDE, OUT##BITS##x##LANES##_t, LANES)          \
            default:                                                                               \
                fprintf(stderr, "shift=%d, allowed: 1..%d\n", (int)shift, BITS);                   \
                exit(1);                                                                           \
            }                                                                                      \
        }                                                                                          \
    }
#define NARROWINGS(WIDE, BITS, LANES)                                                              \
    NARROWING(sqrshrn, vqrshrn_n, int, WIDE, BITS, LANES)                                          \
    NARROWING(sqshrn, vqshrn_n, int, WIDE, BITS, LANES)                                            \
    NARROWING(sqrshrun, vqrshrun_n, uint, WIDE, BITS, LANES)                                       \
    NARROWING(rshrn, vrshrn_n, int, WIDE, BITS, LANES)
NARROWINGS(16, 8, 8)
NARROWINGS(32, 16, 4)
NARROWINGS(64, 32, 2)

// Bits of Linux' hardware capabilities: ASIMDRDM, ASIMDDP; I8MM.
static int always(void) { return 1; }
static int rdm(void) { return getauxval(AT_HWCAP) >> 12 & 1; }
static int dotprod(void) { return getauxval(AT_HWCAP) >> 20 & 1; }
static int i8mm(void) { return getauxval(AT_HWCAP2) >> 13 & 1; }

#define ROW(NAME, A, B, OUT, ACCUMULATES, AVAILABLE)                                               \
    {#NAME, A, B, OUT, ACCUMULATES, AVAILABLE, run_##NAME}
#define ROWS_HIGH(BITS, LANES)                                                                     \
    ROW(sqrdmulh_##BITS, BITS / 8, BITS / 8, BITS / 8, 0, always),                                 \
    ROW(sqdmulh_##BITS, BITS / 8, BITS / 8, BITS / 8, 0, always),                                  \
    ROW(sqrdmlah_##BITS, BITS / 8, BITS / 8, BITS / 8, 1, rdm),
#define ROWS_LANEWISE(BITS, LANES)                                                                 \
    ROW(sqadd_##BITS, BITS / 8, BITS / 8, BITS / 8, 0, always),                                    \
    ROW(sqsub_##BITS, BITS / 8, BITS / 8, BITS / 8, 0, always),                                    \
    ROW(srshl_##BITS, BITS / 8, BITS / 8, BITS / 8, 0, always),                                    \
    ROW(sqrshl_##BITS, BITS / 8, BITS / 8, BITS / 8, 0, always),                                   \
    ROW(sshl_##BITS, BITS / 8, BITS / 8, BITS / 8, 0, always),                                     \
    ROW(sqrshrn_##BITS, BITS / 4, BITS / 8, BITS / 8, 0, always),                                  \
    ROW(sqshrn_##BITS, BITS / 4, BITS / 8, BITS / 8, 0, always),                                   \
    ROW(sqrshrun_##BITS, BITS / 4, BITS / 8, BITS / 8, 0, always),                                 \
    ROW(rshrn_##BITS, BITS / 4, BITS / 8, BITS / 8, 0, always),

static const struct rule rules[] = {
    ROWS_HIGH(16, 8)
    ROWS_HIGH(32, 4)
    ROW(smlal_16, 1, 1, 2, 1, always),
    ROW(smlal_32, 2, 2, 4, 1, always),
    ROW(smlal_64, 4, 4, 8, 1, always),
    ROW(sqdmlal_32, 2, 2, 4, 1, always),
    ALL(ROWS_LANEWISE)
    ROW(sdot, 4, 4, 4, 1, dotprod),
    ROW(udot, 4, 4, 4, 1, dotprod),
    ROW(usdot, 4, 4, 4, 1, i8mm),
    ROW(smmla, 8, 8, 4, 1, i8mm),
    ROW(fcvtns_32, 4, 4, 4, 0, always),
    ROW(fcvtas_32, 4, 4, 4, 0, always),
    ROW(fcvtzs_32, 4, 4, 4, 0, always),
    ROW(fmul_fcvtns, 4, 4, 4, 0, always),
};

int main(int argc, char **argv)
{
    return probe_main(rules, sizeof rules / sizeof *rules, argc, argv);
}

// x86 instructions, one rule each; see probe.h.

#include <immintrin.h>

#include "probe.h"

// One rule: LANES results at a time. In `...`, which makes `acc` from them: `a` is one group,
// repeated, `b` points at LANES groups, `acc` holds c (0 where the rule does not accumulate).
#define RULE(NAME, FEATURES, VECTOR, LANES, SPLAT, ...)                                            \
    __attribute__((target(FEATURES))) static void run_##NAME(const struct call *x)                 \
    {                                                                                              \
        for (size_t m = 0; m < x->m; m++)                                                          \
            for (size_t n = 0; n < x->n; n += LANES) {                                             \
                VECTOR acc;                                                                        \
                memset(&acc, 0, sizeof acc);                                                       \
                if (x->c)                                                                          \
                    memcpy(&acc, c_at(x, m, n), sizeof acc);                                       \
                for (size_t group = 0; group < x->groups; group++) {                               \
                    VECTOR a;                                                                      \
                    SPLAT(a, a_at(x, m, group));                                                   \
                    const VECTOR *b = (const VECTOR *)(const void *)b_at(x, group, n);             \
                    __VA_ARGS__;                                                                   \
                }                                                                                  \
                memcpy(out_at(x, m, n), &acc, sizeof acc);                                         \
            }                                                                                      \
    }

#define SPLAT_BYTES(TYPE, SET, a, p)                                                               \
    do {                                                                                           \
        TYPE one;                                                                                  \
        memcpy(&one, p, sizeof one);                                                               \
        a = SET(one);                                                                              \
    } while (0)
#define SPLAT8(a, p) SPLAT_BYTES(int8_t, _mm256_set1_epi8, a, p)
#define SPLAT16(a, p) SPLAT_BYTES(int16_t, _mm256_set1_epi16, a, p)
#define SPLAT32(a, p) SPLAT_BYTES(int32_t, _mm256_set1_epi32, a, p)
#define UNUSED(a, p) (memset(&a, 0, sizeof a), (void)(p))

#define VNNI "avx2,avx512f,avx512vl,avx512vnni"

RULE(vpmaddubsw, "avx2", __m256i, 16, SPLAT16, acc = _mm256_maddubs_epi16(a, *b))
RULE(vpmaddwd, "avx2", __m256i, 8, SPLAT32, acc = _mm256_madd_epi16(a, *b))
RULE(vpdpbusd, VNNI, __m256i, 8, SPLAT32, acc = _mm256_dpbusd_epi32(acc, a, *b))
RULE(vpdpbusds, VNNI, __m256i, 8, SPLAT32, acc = _mm256_dpbusds_epi32(acc, a, *b))
RULE(vpdpwssd, VNNI, __m256i, 8, SPLAT32, acc = _mm256_dpwssd_epi32(acc, a, *b))
RULE(vpdpwssds, VNNI, __m256i, 8, SPLAT32, acc = _mm256_dpwssds_epi32(acc, a, *b))
RULE(pmulhrsw, "avx2", __m256i, 16, SPLAT16, acc = _mm256_mulhrs_epi16(a, *b))
RULE(pmulhw, "avx2", __m256i, 16, SPLAT16, acc = _mm256_mulhi_epi16(a, *b))
RULE(paddsb, "avx2", __m256i, 32, SPLAT8, acc = _mm256_adds_epi8(*b, a))
RULE(paddsw, "avx2", __m256i, 16, SPLAT16, acc = _mm256_adds_epi16(*b, a))
RULE(psubsb, "avx2", __m256i, 32, SPLAT8, acc = _mm256_subs_epi8(*b, a))
RULE(psubsw, "avx2", __m256i, 16, SPLAT16, acc = _mm256_subs_epi16(*b, a))
RULE(pavgb, "avx2", __m256i, 32, SPLAT8, acc = _mm256_avg_epu8(*b, a))
RULE(pavgw, "avx2", __m256i, 16, SPLAT16, acc = _mm256_avg_epu16(*b, a))
// 128 bits: wider forms pack inside each 128-bit lane.
RULE(packssdw, "sse2", __m128i, 8, UNUSED, (void)a; acc = _mm_packs_epi32(b[0], b[1]))
RULE(packusdw, "sse4.1", __m128i, 8, UNUSED, (void)a; acc = _mm_packus_epi32(b[0], b[1]))
RULE(packsswb, "sse2", __m128i, 16, UNUSED, (void)a; acc = _mm_packs_epi16(b[0], b[1]))
RULE(packuswb, "sse2", __m128i, 16, UNUSED, (void)a; acc = _mm_packus_epi16(b[0], b[1]))
// a * 2**b: exact in float32 for |a| < 2**24, so that only the conversion rounds.
RULE(cvtps2dq, "avx2", __m256i, 8, SPLAT32,
     __m256 power = _mm256_castsi256_ps(
         _mm256_slli_epi32(_mm256_add_epi32(*b, _mm256_set1_epi32(127)), 23));
     acc = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(a), power)))
RULE(mulps_cvtps2dq, "avx2", __m256i, 8, SPLAT32,
     acc = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(a), _mm256_castsi256_ps(*b))))

// The inner loop of int8 GEMM without VNNI: pairs saturate at 16 bits, sums do not saturate.
__attribute__((target("avx2"))) static void run_maddubs_gemm(const struct call *x)
{
    for (size_t m = 0; m < x->m; m++)
        for (size_t n = 0; n < x->n; n += 16) {
            __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)c_at(x, m, n));
            __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)c_at(x, m, n + 8));
            for (size_t group = 0; group < x->groups; group++) {
                __m256i a, b;
                SPLAT16(a, a_at(x, m, group));
                memcpy(&b, b_at(x, group, n), sizeof b);
                __m256i pair = _mm256_maddubs_epi16(a, b);
                low = _mm256_add_epi32(low, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(pair)));
                high = _mm256_add_epi32(
                    high, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(pair, 1)));
            }
            memcpy(out_at(x, m, n), &low, sizeof low);
            memcpy(out_at(x, m, n + 8), &high, sizeof high);
        }
}

// FBGEMM's 16-bit accumulation: VPMADDUBSW, PADDSW, spilled to 32 bits every 128 pairs.
__attribute__((target("avx2"))) static void run_acc16(const struct call *x)
{
    enum { SPILL = 128 };
    for (size_t m = 0; m < x->m; m++)
        for (size_t n = 0; n < x->n; n += 16) {
            __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)c_at(x, m, n));
            __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)c_at(x, m, n + 8));
            __m256i sum = _mm256_setzero_si256();
            for (size_t group = 0; group < x->groups; group++) {
                __m256i a, b;
                SPLAT16(a, a_at(x, m, group));
                memcpy(&b, b_at(x, group, n), sizeof b);
                sum = _mm256_adds_epi16(sum, _mm256_maddubs_epi16(a, b));
                if ((group + 1) % SPILL && group + 1 < x->groups)
                    continue;
                low = _mm256_add_epi32(low, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(sum)));
                high = _mm256_add_epi32(
                    high, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(sum, 1)));
                sum = _mm256_setzero_si256();
            }
            memcpy(out_at(x, m, n), &low, sizeof low);
            memcpy(out_at(x, m, n + 8), &high, sizeof high);
        }
}

static int sse41(void) { return __builtin_cpu_supports("sse4.1"); }
static int avx2(void) { return __builtin_cpu_supports("avx2"); }
static int vnni(void)
{
    return avx2() && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

#define ROW(NAME, A, B, OUT, ACCUMULATES, AVAILABLE)                                               \
    {#NAME, A, B, OUT, ACCUMULATES, AVAILABLE, run_##NAME}

static const struct rule rules[] = {
    ROW(vpmaddubsw, 2, 2, 2, 0, avx2),
    ROW(vpmaddwd, 4, 4, 4, 0, avx2),
    ROW(vpdpbusd, 4, 4, 4, 1, vnni),
    ROW(vpdpbusds, 4, 4, 4, 1, vnni),
    ROW(vpdpwssd, 4, 4, 4, 1, vnni),
    ROW(vpdpwssds, 4, 4, 4, 1, vnni),
    ROW(pmulhrsw, 2, 2, 2, 0, avx2),
    ROW(pmulhw, 2, 2, 2, 0, avx2),
    ROW(paddsb, 1, 1, 1, 0, avx2),
    ROW(paddsw, 2, 2, 2, 0, avx2),
    ROW(psubsb, 1, 1, 1, 0, avx2),
    ROW(psubsw, 2, 2, 2, 0, avx2),
    ROW(pavgb, 1, 1, 1, 0, avx2),
    ROW(pavgw, 2, 2, 2, 0, avx2),
    ROW(packssdw, 4, 4, 2, 0, sse41),
    ROW(packusdw, 4, 4, 2, 0, sse41),
    ROW(packsswb, 2, 2, 1, 0, sse41),
    ROW(packuswb, 2, 2, 1, 0, sse41),
    ROW(cvtps2dq, 4, 4, 4, 0, avx2),
    ROW(mulps_cvtps2dq, 4, 4, 4, 0, avx2),
    ROW(acc16, 2, 2, 4, 1, avx2),
    ROW(maddubs_gemm, 2, 2, 4, 1, avx2),
};

int main(int argc, char **argv)
{
    return probe_main(rules, sizeof rules / sizeof *rules, argc, argv);
}

/* Which instruction sets the CPU has, and the kernels for them. */
#include "plan/plan.h"

#if defined(__AVX2__) || defined(__AVX512F__)
#error "the dispatcher must run on every CPU: compile it without ISA flags"
#endif

#define ISA_COUNT (PQS_ISA_AVX512VPOPCNTDQ + 1)

#if defined(__x86_64__)
#include <cpuid.h>

/* Of leaf 7, subleaf 1; compilers name it too late. */
static int cpu_has_avxvnni(void) {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) &&
           (eax >> 4 & 1);
}

static int cpu_has_avx512bw(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static int cpu_has_avx512vbmi(void) {
    return cpu_has_avx512bw() && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512vbmi");
}

static int cpu_has(int isa) {
    switch (isa) {
    case PQS_ISA_PORTABLE: return 1;
    case PQS_ISA_AVX2: return __builtin_cpu_supports("avx2") != 0;
    case PQS_ISA_AVXVNNI: return cpu_has_avxvnni();
    case PQS_ISA_AVX512BW: return cpu_has_avx512bw();
    case PQS_ISA_AVX512VNNI: return cpu_has_avx512bw() && __builtin_cpu_supports("avx512vnni");
    case PQS_ISA_AVX512VBMI: return cpu_has_avx512vbmi();
    case PQS_ISA_AVX512VPOPCNTDQ:
        return cpu_has_avx512vbmi() && __builtin_cpu_supports("avx512vpopcntdq");
    default: return 0;
    }
}
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

#define HWCAP_SDOT (1UL << 20) /* asm/hwcap.h: ASIMDDP */

static int cpu_has(int isa) {
    switch (isa) {
    case PQS_ISA_PORTABLE:
    case PQS_ISA_NEON: return 1;
    case PQS_ISA_DOTPROD: return (getauxval(AT_HWCAP) & HWCAP_SDOT) != 0;
    default: return 0;
    }
}
#elif defined(__aarch64__)
static int cpu_has(int isa) { return isa == PQS_ISA_PORTABLE || isa == PQS_ISA_NEON; }
#else
static int cpu_has(int isa) { return isa == PQS_ISA_PORTABLE; }
#endif

/* The next ISA that every CPU with this one has. */
static int below(int isa) {
    static const int next[ISA_COUNT] = {
        [PQS_ISA_NEON] = PQS_ISA_PORTABLE,     [PQS_ISA_DOTPROD] = PQS_ISA_NEON,
        [PQS_ISA_AVX2] = PQS_ISA_PORTABLE,     [PQS_ISA_AVXVNNI] = PQS_ISA_AVX2,
        [PQS_ISA_AVX512BW] = PQS_ISA_AVX2,     [PQS_ISA_AVX512VNNI] = PQS_ISA_AVX512BW,
        [PQS_ISA_AVX512VBMI] = PQS_ISA_AVX512VNNI,
        [PQS_ISA_AVX512VPOPCNTDQ] = PQS_ISA_AVX512VBMI,
    };
    return next[isa];
}

int pqs_isa_available(int isa) {
    return isa == PQS_ISA_AUTO || (isa > PQS_ISA_AUTO && isa < ISA_COUNT && cpu_has(isa));
}

/* The ISA asked for, AUTO: the best there is; AUTO: it is none, or not of this CPU. */
static int isa_of(int isa) {
    if (isa != PQS_ISA_AUTO) return pqs_isa_available(isa) ? isa : PQS_ISA_AUTO;
    int best = ISA_COUNT - 1;
    while (!cpu_has(best)) best--;
    return best;
}

pqs_lanes_kernel *pqs_lanes_for(int isa) {
    pqs_lanes_kernel *const kernels[ISA_COUNT] = {[PQS_ISA_PORTABLE] = pqs_lanes__portable,
                                                  [PQS_ISA_AVX2] = pqs_lanes__avx2,
                                                  [PQS_ISA_AVX512BW] = pqs_lanes__avx512bw};
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (kernels[one]) return kernels[one];
    }
    return NULL;
}

pqs_output_kernel *pqs_output_for(int isa) {
    pqs_output_kernel *const kernels[ISA_COUNT] = {[PQS_ISA_PORTABLE] = pqs_output__portable,
                                                   [PQS_ISA_AVX2] = pqs_output__avx2,
                                                   [PQS_ISA_AVX512BW] = pqs_output__avx512bw};
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (kernels[one]) return kernels[one];
    }
    return NULL;
}

const pqs_output_int32_kernel *pqs_output_int32_for(int isa) {
    static const pqs_output_int32_kernel *const kernels[ISA_COUNT] = {
        [PQS_ISA_PORTABLE] = &pqs_output_int32__portable,
        [PQS_ISA_NEON] = &pqs_output_int32__neon,
        [PQS_ISA_AVX2] = &pqs_output_int32__avx2,
        [PQS_ISA_AVX512BW] = &pqs_output_int32__avx512bw,
    };
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (kernels[one] && kernels[one]->run) return kernels[one];
    }
    return NULL;
}

pqs_merge_kernel *pqs_merge_for(int isa) {
    pqs_merge_kernel *const kernels[ISA_COUNT] = {[PQS_ISA_PORTABLE] = pqs_merge__portable,
                                                   [PQS_ISA_AVX2] = pqs_merge__avx2,
                                                   [PQS_ISA_AVX512BW] = pqs_merge__avx512bw};
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (kernels[one]) return kernels[one];
    }
    return NULL;
}

pqs_pack_bits *pqs_pack_bits_for(int isa) {
    pqs_pack_bits *const kernels[ISA_COUNT] = {[PQS_ISA_PORTABLE] = pqs_pack_bits__portable,
                                               [PQS_ISA_NEON] = pqs_pack_bits__neon,
                                               [PQS_ISA_AVX2] = pqs_pack_bits__avx2,
                                               [PQS_ISA_AVX512BW] = pqs_pack_bits__avx512bw};
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (kernels[one]) return kernels[one];
    }
    return NULL;
}

/* The kernel of a kind, and its ISA where `found` is not null. */
const pqs_gemm_kernel *pqs_gemm_for(int kind, int isa, int *found) {
    static const pqs_gemm_kernel *const kernels[][ISA_COUNT] = {
        [PQS_GEMM_INT8] = {[PQS_ISA_DOTPROD] = &pqs_gemm_int8__dotprod,
                           [PQS_ISA_AVXVNNI] = &pqs_gemm_int8__avxvnni,
                           [PQS_ISA_AVX512VNNI] = &pqs_gemm_int8__avx512vnni},
        [PQS_GEMM_INT4] = {[PQS_ISA_NEON] = &pqs_gemm_int4__neon,
                           [PQS_ISA_DOTPROD] = &pqs_gemm_int4__dotprod,
                           [PQS_ISA_AVX2] = &pqs_gemm_int4__avx2,
                           [PQS_ISA_AVXVNNI] = &pqs_gemm_int4__avxvnni,
                           [PQS_ISA_AVX512BW] = &pqs_gemm_int4__avx512bw,
                           [PQS_ISA_AVX512VNNI] = &pqs_gemm_int4__avx512vnni,
                           [PQS_ISA_AVX512VBMI] = &pqs_gemm_int4__avx512vbmi},
        [PQS_GEMM_INT16] = {[PQS_ISA_PORTABLE] = &pqs_gemm_int16__portable,
                            [PQS_ISA_NEON] = &pqs_gemm_int16__neon,
                            [PQS_ISA_AVX2] = &pqs_gemm_int16__avx2,
                            [PQS_ISA_AVXVNNI] = &pqs_gemm_int16__avxvnni,
                            [PQS_ISA_AVX512BW] = &pqs_gemm_int16__avx512bw,
                            [PQS_ISA_AVX512VNNI] = &pqs_gemm_int16__avx512vnni},
        [PQS_GEMM_CLAMP] = {[PQS_ISA_PORTABLE] = &pqs_gemm_clamp__portable,
                            [PQS_ISA_NEON] = &pqs_gemm_clamp__neon,
                            [PQS_ISA_AVX2] = &pqs_gemm_clamp__avx2,
                            [PQS_ISA_AVX512BW] = &pqs_gemm_clamp__avx512bw,
                            [PQS_ISA_AVX512VNNI] = &pqs_gemm_clamp__avx512vnni},
        [PQS_GEMM_TOP] = {[PQS_ISA_AVXVNNI] = &pqs_gemm_top__avxvnni,
                          [PQS_ISA_AVX512VNNI] = &pqs_gemm_top__avx512vnni},
        [PQS_GEMM_TOP_HALVES] = {[PQS_ISA_AVXVNNI] = &pqs_gemm_top_halves__avxvnni,
                                 [PQS_ISA_AVX512VNNI] = &pqs_gemm_top_halves__avx512vnni},
        [PQS_GEMM_TABLE] = {[PQS_ISA_AVX512VBMI] = &pqs_gemm_table__avx512vbmi},
        [PQS_GEMM_TABLE4] = {[PQS_ISA_AVX512VBMI] = &pqs_gemm_table4__avx512vbmi},
        [PQS_GEMM_PAIR] = {[PQS_ISA_AVX2] = &pqs_gemm_pair__avx2,
                           [PQS_ISA_AVX512BW] = &pqs_gemm_pair__avx512bw,
                           [PQS_ISA_AVX512VNNI] = &pqs_gemm_pair__avx512vnni},
        [PQS_GEMM_GROUP] = {[PQS_ISA_PORTABLE] = &pqs_gemm_group__portable,
                            [PQS_ISA_NEON] = &pqs_gemm_group__neon,
                            [PQS_ISA_AVX2] = &pqs_gemm_group__avx2,
                            [PQS_ISA_AVX512BW] = &pqs_gemm_group__avx512bw},
        [PQS_GEMM_GROUP_CLAMP] = {[PQS_ISA_PORTABLE] = &pqs_gemm_group_clamp__portable,
                                  [PQS_ISA_NEON] = &pqs_gemm_group_clamp__neon,
                                  [PQS_ISA_AVX2] = &pqs_gemm_group_clamp__avx2,
                                  [PQS_ISA_AVX512BW] = &pqs_gemm_group_clamp__avx512bw,
                                  [PQS_ISA_AVX512VNNI] = &pqs_gemm_group_clamp__avx512vnni},
        [PQS_GEMM_GROUP_TOP] = {[PQS_ISA_AVXVNNI] = &pqs_gemm_group_top__avxvnni,
                                [PQS_ISA_AVX512VNNI] = &pqs_gemm_group_top__avx512vnni},
        [PQS_GEMM_GATHER] = {[PQS_ISA_PORTABLE] = &pqs_gemm_gather__portable},
        [PQS_GEMM_GATHER_CLAMP] = {[PQS_ISA_PORTABLE] = &pqs_gemm_gather_clamp__portable,
                                   [PQS_ISA_AVX2] = &pqs_gemm_gather_clamp__avx2},
        [PQS_GEMM_PERMUTE] = {[PQS_ISA_AVX512VBMI] = &pqs_gemm_permute__avx512vbmi},
        [PQS_GEMM_PERMUTE_CLAMP] = {[PQS_ISA_AVX512VBMI] = &pqs_gemm_permute_clamp__avx512vbmi},
        [PQS_GEMM_BITS] = {[PQS_ISA_PORTABLE] = &pqs_gemm_bits__portable,
                           [PQS_ISA_NEON] = &pqs_gemm_bits__neon,
                           [PQS_ISA_AVX2] = &pqs_gemm_bits__avx2,
                           [PQS_ISA_AVX512VPOPCNTDQ] = &pqs_gemm_bits__avx512vpopcntdq},
    };
    const int count = (int)(sizeof kernels / sizeof *kernels);
    if (kind < 0 || kind >= count) return NULL;
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (!kernels[kind][one] || !kernels[kind][one]->tile) continue;
        if (found) *found = one;
        return kernels[kind][one];
    }
    return NULL;
}

const pqs_wide_kernel *pqs_wide_for(int isa, int *found) {
    static const pqs_wide_kernel *const kernels[ISA_COUNT] = {
        [PQS_ISA_PORTABLE] = &pqs_wide__portable,
        [PQS_ISA_NEON] = &pqs_wide__neon,
        [PQS_ISA_AVX2] = &pqs_wide__avx2,
        [PQS_ISA_AVX512BW] = &pqs_wide__avx512bw,
    };
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (!kernels[one] || !kernels[one]->tile) continue;
        if (found) *found = one;
        return kernels[one];
    }
    return NULL;
}

/* The kernel with the widest lanes that the channels fill, and its ISA where `found` is not null. */
const pqs_depthwise_kernel *pqs_depthwise_for(int isa, size_t channels, int *found) {
    static const pqs_depthwise_kernel *const kernels[ISA_COUNT] = {
        [PQS_ISA_PORTABLE] = &pqs_depthwise__portable,
        [PQS_ISA_NEON] = &pqs_depthwise__neon,
        [PQS_ISA_AVX2] = &pqs_depthwise__avx2,
        [PQS_ISA_AVX512BW] = &pqs_depthwise__avx512bw,
    };
    for (int one = isa_of(isa); one != PQS_ISA_AUTO; one = below(one)) {
        if (!kernels[one] || !kernels[one]->line || kernels[one]->lanes > channels) continue;
        if (found) *found = one;
        return kernels[one];
    }
    return NULL;
}

/* Which instruction sets were built and the CPU has. */
#include "plan/plan.h"

#if defined(__AVX2__) || defined(__AVX512F__)
#error "the dispatcher must run on every CPU: compile it without ISA flags"
#endif

#if defined(__x86_64__)
static int cpu_has_avx2(void) { return __builtin_cpu_supports("avx2"); }

static int cpu_has_avx512bw(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#else
static int cpu_has_avx2(void) { return 0; }
static int cpu_has_avx512bw(void) { return 0; }
#endif

/* The kernel for an ISA; null: not built, or not on this CPU. AUTO: the best there is. */
pqs_lanes_kernel *pqs_lanes_for(int isa) {
    switch (isa) {
    case PQS_ISA_PORTABLE: return pqs_lanes__portable;
    case PQS_ISA_AVX2: return cpu_has_avx2() ? pqs_lanes__avx2 : NULL;
    case PQS_ISA_AVX512BW: return cpu_has_avx512bw() ? pqs_lanes__avx512bw : NULL;
    default: break;
    }
    for (int best = PQS_ISA_AVX512BW; best > PQS_ISA_PORTABLE; best--) {
        if (pqs_lanes_for(best)) return pqs_lanes_for(best);
    }
    return pqs_lanes__portable;
}

/* The same for the output steps. */
pqs_output_kernel *pqs_output_for(int isa) {
    switch (isa) {
    case PQS_ISA_PORTABLE: return pqs_output__portable;
    case PQS_ISA_AVX2: return cpu_has_avx2() ? pqs_output__avx2 : NULL;
    case PQS_ISA_AVX512BW: return cpu_has_avx512bw() ? pqs_output__avx512bw : NULL;
    default: break;
    }
    for (int best = PQS_ISA_AVX512BW; best > PQS_ISA_PORTABLE; best--) {
        if (pqs_output_for(best)) return pqs_output_for(best);
    }
    return pqs_output__portable;
}

int pqs_isa_available(int isa) {
    return isa >= PQS_ISA_AUTO && isa <= PQS_ISA_AVX512BW && pqs_lanes_for(isa) != NULL;
}

/* How often an x86-64 core carries out the instructions that kernels are made of, by themselves.
 *
 * Twelve accumulators: more than latency times throughput of any of these instructions. */
#include "peaks.h"

#define TARGET                                                                                    \
    __attribute__((noinline, target("avx2,fma,avxvnni,avx512f,avx512bw,avx512dq,avx512vl,"        \
                                    "avx512vnni,avx512vbmi,avx512vpopcntdq")))
#define REGISTERS                                                                                 \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",      \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

/* Registers start as zeros: floats are no denormals, and integers do not change. */
#define LOOP(name, ONE)                                                                           \
    TARGET static void name(uint64_t rounds) {                                                    \
        __asm__ volatile("vzeroall\n1:\n\t" TWELVE(ONE) "dec %0\n\tjnz 1b\n\tvzeroupper"          \
                         : "+r"(rounds)::"cc", REGISTERS);                                        \
    }

/* r: "zmm" or "ymm"; 12 and 13 are operands, 14 and 15 temporaries. */

#define OP3(op, r, i) op " %%" r "12, %%" r "13, %%" r #i "\n\t"
#define INTO14(op, r) op " %%" r "12, %%" r "13, %%" r "14\n\t"
#define FROM14(op, r, i) op " %%" r "14, %%" r #i ", %%" r #i "\n\t"
#define WITH12(op, r, i) op " %%" r "12, %%" r #i ", %%" r #i "\n\t"

#define VPDPBUSD_Z(i) OP3("vpdpbusd", "zmm", i)
#define VPDPBUSD_Y(i) OP3("%{vex%} vpdpbusd", "ymm", i)
#define VPDPWSSD_Z(i) OP3("vpdpwssd", "zmm", i)
#define VPDPWSSD_Y(i) OP3("%{vex%} vpdpwssd", "ymm", i)
#define VPDPWSSDS_Z(i) OP3("vpdpwssds", "zmm", i)
#define VPDPWSSDS_Y(i) OP3("%{vex%} vpdpwssds", "ymm", i)
#define MADDWD_Z(i) INTO14("vpmaddwd", "zmm") FROM14("vpaddd", "zmm", i)
#define MADDWD_Y(i) INTO14("vpmaddwd", "ymm") FROM14("vpaddd", "ymm", i)
#define CLAMPED_Z(i) MADDWD_Z(i) WITH12("vpminsd", "zmm", i) WITH12("vpmaxsd", "zmm", i)
#define CLAMPED_Y(i) MADDWD_Y(i) WITH12("vpminsd", "ymm", i) WITH12("vpmaxsd", "ymm", i)
#define SUM14(r) "vpmaddwd %%" r "13, %%" r "14, %%" r "14\n\t"
#define PAIRS_DOT_Z(i) INTO14("vpmaddubsw", "zmm") "vpdpwssd %%zmm14, %%zmm12, %%zmm" #i "\n\t"
#define PAIRS_Z(i) INTO14("vpmaddubsw", "zmm") SUM14("zmm") FROM14("vpaddd", "zmm", i)
#define PAIRS_Y(i) INTO14("vpmaddubsw", "ymm") SUM14("ymm") FROM14("vpaddd", "ymm", i)
#define MULLW_Z(i) INTO14("vpmullw", "zmm") FROM14("vpaddsw", "zmm", i)
#define MULLW_Y(i) INTO14("vpmullw", "ymm") FROM14("vpaddsw", "ymm", i)
#define MULLD_Z(i) INTO14("vpmulld", "zmm") FROM14("vpaddd", "zmm", i)
#define MULLD_Y(i) INTO14("vpmulld", "ymm") FROM14("vpaddd", "ymm", i)
#define SLLVW_Z(i) INTO14("vpsllvw", "zmm") FROM14("vpaddsw", "zmm", i)
#define SRAVW_Z(i) INTO14("vpsravw", "zmm") FROM14("vpaddsw", "zmm", i)
#define SLLVD_Z(i) INTO14("vpsllvd", "zmm") FROM14("vpaddd", "zmm", i)
#define SLLVD_Y(i) INTO14("vpsllvd", "ymm") FROM14("vpaddd", "ymm", i)
#define SRAVW_DOT_Z(i) INTO14("vpsravw", "zmm") "vpdpwssd %%zmm14, %%zmm12, %%zmm" #i "\n\t"
#define VPERMB_Z(i) INTO14("vpermb", "zmm") "vpdpbusd %%zmm14, %%zmm12, %%zmm" #i "\n\t"
#define POPCNT_Z(i) INTO14("vpxorq", "zmm") "vpopcntq %%zmm14, %%zmm14\n\t" FROM14("vpaddq", "zmm", i)
#define FMA_Z(i) OP3("vfmadd231ps", "zmm", i)
#define FMA_Y(i) OP3("vfmadd231ps", "ymm", i)
#define MULDQ_Z(i)                                                                                \
    INTO14("vpmuldq", "zmm")                                                                      \
    FROM14("vpaddq", "zmm", i) WITH12("vpminsq", "zmm", i) WITH12("vpmaxsq", "zmm", i)

LOOP(vpdpbusd_z, VPDPBUSD_Z)
LOOP(vpdpbusd_y, VPDPBUSD_Y)
LOOP(vpdpwssd_z, VPDPWSSD_Z)
LOOP(vpdpwssd_y, VPDPWSSD_Y)
LOOP(vpdpwssds_z, VPDPWSSDS_Z)
LOOP(vpdpwssds_y, VPDPWSSDS_Y)
LOOP(maddwd_z, MADDWD_Z)
LOOP(maddwd_y, MADDWD_Y)
LOOP(clamped_z, CLAMPED_Z)
LOOP(clamped_y, CLAMPED_Y)
LOOP(pairs_dot_z, PAIRS_DOT_Z)
LOOP(pairs_z, PAIRS_Z)
LOOP(pairs_y, PAIRS_Y)
LOOP(mullw_z, MULLW_Z)
LOOP(mullw_y, MULLW_Y)
LOOP(mulld_z, MULLD_Z)
LOOP(mulld_y, MULLD_Y)
LOOP(sllvw_z, SLLVW_Z)
LOOP(sravw_z, SRAVW_Z)
LOOP(sllvd_z, SLLVD_Z)
LOOP(sllvd_y, SLLVD_Y)
LOOP(sravw_dot_z, SRAVW_DOT_Z)
LOOP(vpermb_z, VPERMB_Z)
LOOP(popcnt_z, POPCNT_Z)
LOOP(fma_z, FMA_Z)
LOOP(fma_y, FMA_Y)
LOOP(muldq_z, MULDQ_Z)

static int avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

static int avx512bw(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static int avx512vnni(void) { return avx512bw() && __builtin_cpu_supports("avx512vnni"); }

static int avx512vbmi(void) { return avx512vnni() && __builtin_cpu_supports("avx512vbmi"); }

static int popcntdq(void) { return avx512bw() && __builtin_cpu_supports("avx512vpopcntdq"); }

/* CPUID leaf 7.1, EAX bit 4: compilers of different age have different names for it. */
static int avxvnni(void) {
    unsigned a = 7, b, c = 1, d;
    if (!avx2()) return 0;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (a >> 4) & 1;
}

/* The last number: MACs of one instruction sequence, times twelve in a round. */
const peak_probe peak_probes[] = {
    {"vpdpbusd", "int8", "avx512vnni", 12 * 64, avx512vnni, vpdpbusd_z},
    {"vpdpbusd", "int8", "avxvnni", 12 * 32, avxvnni, vpdpbusd_y},
    {"vpmaddwd + vpaddd", "int8", "avx512bw", 12 * 32, avx512bw, maddwd_z},
    {"vpmaddwd + vpaddd", "int8", "avx2", 12 * 16, avx2, maddwd_y},
    {"vpdpwssd", "int16", "avx512vnni", 12 * 32, avx512vnni, vpdpwssd_z},
    {"vpdpwssd", "int16", "avxvnni", 12 * 16, avxvnni, vpdpwssd_y},
    {"vpmaddwd + vpaddd", "int16", "avx512bw", 12 * 32, avx512bw, maddwd_z},
    {"vpmaddwd + vpaddd", "int16", "avx2", 12 * 16, avx2, maddwd_y},
    {"vpdpwssds", "ordered", "avx512vnni", 12 * 16, avx512vnni, vpdpwssds_z},
    {"vpdpwssds", "ordered", "avxvnni", 12 * 8, avxvnni, vpdpwssds_y},
    {"vpmaddwd + vpaddd + clamp", "ordered", "avx512bw", 12 * 16, avx512bw, clamped_z},
    {"vpmaddwd + vpaddd + clamp", "ordered", "avx2", 12 * 8, avx2, clamped_y},
    {"vpmaddubsw + vpdpwssd", "pairs", "avx512vnni", 12 * 64, avx512vnni, pairs_dot_z},
    {"vpmaddubsw + vpmaddwd + vpaddd", "pairs", "avx512bw", 12 * 64, avx512bw, pairs_z},
    {"vpmaddubsw + vpmaddwd + vpaddd", "pairs", "avx2", 12 * 32, avx2, pairs_y},
    {"vpmullw + vpaddsw", "ordered16", "avx512bw", 12 * 32, avx512bw, mullw_z},
    {"vpmullw + vpaddsw", "ordered16", "avx2", 12 * 16, avx2, mullw_y},
    {"vpmuldq + vpaddq + clamp", "ordered64", "avx512bw", 12 * 8, avx512bw, muldq_z},
    {"vpsllvw + vpaddsw", "shift16", "avx512bw", 12 * 32, avx512bw, sllvw_z},
    {"vpsravw + vpaddsw", "shift16 right", "avx512bw", 12 * 32, avx512bw, sravw_z},
    {"vpmulld + vpaddd", "multiply32", "avx512bw", 12 * 16, avx512bw, mulld_z},
    {"vpmulld + vpaddd", "multiply32", "avx2", 12 * 8, avx2, mulld_y},
    {"vpsllvd + vpaddd", "shift32", "avx512bw", 12 * 16, avx512bw, sllvd_z},
    {"vpsllvd + vpaddd", "shift32", "avx2", 12 * 8, avx2, sllvd_y},
    {"vpsravw + vpdpwssd", "truncating", "avx512vnni", 12 * 32, avx512vnni, sravw_dot_z},
    {"vpermb + vpdpbusd", "table", "avx512vbmi", 12 * 64, avx512vbmi, vpermb_z},
    {"vpxorq + vpopcntq + vpaddq", "binary", "avx512vpopcntdq", 12 * 512, popcntdq, popcnt_z},
    {"vfmadd231ps", "float32", "avx512bw", 12 * 16, avx512bw, fma_z},
    {"vfmadd231ps", "float32", "avx2", 12 * 8, avx2, fma_y},
};

const size_t peak_probe_count = sizeof peak_probes / sizeof *peak_probes;

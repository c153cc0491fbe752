/* How often an AArch64 core carries out the instructions that kernels are made of, by themselves. */
#include "peaks.h"

#include <sys/auxv.h>

#define TWELVE(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

#define LOOP(name, ONE)                                                                           \
    __attribute__((noinline)) static void name(uint64_t rounds) {                                 \
        __asm__ volatile("movi v12.4s, #0\n\tmovi v13.4s, #0\n\tmovi v14.4s, #0\n\t"              \
                         "1:\n\t" TWELVE(ONE) "subs %0, %0, #1\n\tb.ne 1b"                        \
                         : "+r"(rounds)::"cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",    \
                           "v8", "v9", "v10", "v11", "v12", "v13", "v14");                        \
    }

#define SDOT(i) "sdot v" #i ".4s, v12.16b, v13.16b\n\t"
#define SMLAL(i) "smlal v" #i ".4s, v12.4h, v13.4h\n\t"
#define CLAMPED(i)                                                                                \
    "smlal v" #i ".4s, v12.4h, v13.4h\n\t"                                                        \
    "smin v" #i ".4s, v" #i ".4s, v12.4s\n\tsmax v" #i ".4s, v" #i ".4s, v12.4s\n\t"
#define MUL_SQADD(i) "mul v14.8h, v12.8h, v13.8h\n\tsqadd v" #i ".8h, v" #i ".8h, v14.8h\n\t"
#define SHIFT_SQADD(i) "sshl v14.8h, v12.8h, v13.8h\n\tsqadd v" #i ".8h, v" #i ".8h, v14.8h\n\t"
#define MLA(i) "mla v" #i ".4s, v12.4s, v13.4s\n\t"
#define SHIFT_ADD(i) "sshl v14.4s, v12.4s, v13.4s\n\tadd v" #i ".4s, v" #i ".4s, v14.4s\n\t"
#define FMLA(i) "fmla v" #i ".4s, v12.4s, v13.4s\n\t"

LOOP(sdot, SDOT)
LOOP(smlal, SMLAL)
LOOP(clamped, CLAMPED)
LOOP(mul_sqadd, MUL_SQADD)
LOOP(shift_sqadd, SHIFT_SQADD)
LOOP(mla, MLA)
LOOP(shift_add, SHIFT_ADD)
LOOP(fmla, FMLA)

static int neon(void) { return 1; }

static int dotprod(void) { return (getauxval(AT_HWCAP) >> 20) & 1; } /* HWCAP_ASIMDDP */

/* The last number: MACs of one instruction sequence, times twelve in a round. */
const peak_probe peak_probes[] = {
    {"sdot", "int8", "dotprod", 12 * 16, dotprod, sdot},
    {"smlal", "int8", "neon", 12 * 4, neon, smlal},
    {"smlal", "int16", "neon", 12 * 4, neon, smlal},
    {"smlal + clamp", "ordered", "neon", 12 * 4, neon, clamped},
    {"mul + sqadd", "ordered16", "neon", 12 * 8, neon, mul_sqadd},
    {"sshl + sqadd", "shift16", "neon", 12 * 8, neon, shift_sqadd},
    {"mla", "multiply32", "neon", 12 * 4, neon, mla},
    {"sshl + add", "shift32", "neon", 12 * 4, neon, shift_add},
    {"fmla", "float32", "neon", 12 * 4, neon, fmla},
};

const size_t peak_probe_count = sizeof peak_probes / sizeof *peak_probes;

// RISC-V V fixed-point instructions, one rule each: NAME_eBITS has results of BITS bits.
//
// GCC 12 knows no vector intrinsics and uses no vector register by itself: each rule is one piece
// of assembler, which does 64 columns at a time whatever the register length. See probe.h.

#include "probe.h"

enum { RNU, RNE, RDN, ROD }; // vxrm

static inline void begin_block(unsigned long vxrm)
{
    __asm__ volatile("csrw vxrm, %0\n csrw vxsat, zero" ::"r"(vxrm) : "memory");
}

static inline uint8_t flag(void)
{
    unsigned long vxsat;
    __asm__ volatile("csrr %0, vxsat" : "=r"(vxsat)::"memory");
    return vxsat & 1;
}

// One rule of mode VXRM with results of BITS bits, operands b of B_BITS and a, a scalar, of type A.
// BODY leaves in v8 (LMUL 2) or v8 (LMUL 1) the results for `vl` columns: a is %[a], b is loaded
// from %[b], what is added to from %[c].
#define RULE(NAME, VXRM, A, BITS, B_BITS, BODY)                                                    \
    static void run_##NAME(const struct call *x)                                                   \
    {                                                                                              \
        for (size_t m = 0; m < x->m; m++)                                                          \
            for (size_t block = 0; block < x->n; block += BLOCK) {                                 \
                begin_block(VXRM);                                                                 \
                for (size_t group = 0; group < x->groups; group++) {                               \
                    A a;                                                                           \
                    memcpy(&a, a_at(x, m, group), sizeof a);                                       \
                    for (size_t n = block, vl; n < block + BLOCK; n += vl) {                       \
                        const uint8_t *c = x->c && !group ? c_at(x, m, n) : out_at(x, m, n);       \
                        __asm__ volatile(".option push\n .option arch, +v\n"                       \
                                         "vsetvli %[vl], %[left], e" #B_BITS ", m1, ta, ma\n"      \
                                         BODY ".option pop"                                        \
                                         : [vl] "=&r"(vl)                                          \
                                         : [left] "r"(block + BLOCK - n), [a] "r"((long)a),        \
                                           [b] "r"(b_at(x, group, n)), [c] "r"(c),                 \
                                           [out] "r"(out_at(x, m, n))                              \
                                         : "memory");                                              \
                    }                                                                              \
                }                                                                                  \
                *flag_at(x, m, block) = flag();                                                    \
            }                                                                                      \
    }

#define LOAD(BITS, WHAT, TO) "vle" #BITS ".v " TO ", (%[" WHAT "])\n"
#define STORE(BITS) "vse" #BITS ".v v8, (%[out])\n"
#define WIDE(BITS) "vsetvli zero, %[vl], e" #BITS ", m2, ta, ma\n"
#define NARROW(BITS) "vsetvli zero, %[vl], e" #BITS ", m1, ta, ma\n"

#define INT(BITS) int##BITS##_t
#define UINT(BITS) uint##BITS##_t

// b OP a, element by element.
#define BINARY(NAME, OP, VXRM, A, BITS)                                                            \
    RULE(NAME##_e##BITS, VXRM, A, BITS, BITS,                                                      \
         LOAD(BITS, "b", "v4") OP ".vx v8, v4, %[a]\n" STORE(BITS))
// a shifted by b.
#define SHIFT(NAME, OP, VXRM, A, BITS)                                                             \
    RULE(NAME##_e##BITS, VXRM, A, BITS, BITS,                                                      \
         LOAD(BITS, "b", "v4") "vmv.v.x v6, %[a]\n" OP ".vv v8, v6, v4\n" STORE(BITS))
#define CLIP(NAME, OP, VXRM, A, WIDE_BITS, BITS)                                                   \
    RULE(NAME##_e##BITS, VXRM, A, BITS, BITS,                                                      \
         LOAD(BITS, "b", "v4") WIDE(WIDE_BITS) "vmv.v.x v6, %[a]\n" NARROW(BITS)                   \
         OP ".wv v8, v6, v4\n" STORE(BITS))
#define WIDENING(HALF, BITS)                                                                       \
    RULE(vwmacc_e##BITS, RNU, INT(HALF), BITS, HALF,                                               \
         LOAD(HALF, "b", "v4") WIDE(BITS) LOAD(BITS, "c", "v8") NARROW(HALF)                       \
         "vwmacc.vx v8, %[a], v4\n" WIDE(BITS) STORE(BITS))

#define ROUNDED(MODE, VXRM, BITS, WIDE_BITS)                                                       \
    BINARY(vsmul_##MODE, "vsmul", VXRM, INT(BITS), BITS)                                           \
    BINARY(vaadd_##MODE, "vaadd", VXRM, INT(BITS), BITS)                                           \
    BINARY(vaaddu_##MODE, "vaaddu", VXRM, UINT(BITS), BITS)                                        \
    BINARY(vasub_##MODE, "vasub", VXRM, INT(BITS), BITS)                                           \
    BINARY(vasubu_##MODE, "vasubu", VXRM, UINT(BITS), BITS)                                        \
    SHIFT(vssra_##MODE, "vssra", VXRM, INT(BITS), BITS)                                            \
    SHIFT(vssrl_##MODE, "vssrl", VXRM, UINT(BITS), BITS)                                           \
    CLIP(vnclip_##MODE, "vnclip", VXRM, INT(WIDE_BITS), WIDE_BITS, BITS)                           \
    CLIP(vnclipu_##MODE, "vnclipu", VXRM, UINT(WIDE_BITS), WIDE_BITS, BITS)
#define MODES(BITS, WIDE_BITS)                                                                     \
    ROUNDED(rnu, RNU, BITS, WIDE_BITS)                                                             \
    ROUNDED(rne, RNE, BITS, WIDE_BITS)                                                             \
    ROUNDED(rdn, RDN, BITS, WIDE_BITS)                                                             \
    ROUNDED(rod, ROD, BITS, WIDE_BITS)
#define SATURATING(BITS, WIDE_BITS)                                                                \
    BINARY(vsadd, "vsadd", RNU, INT(BITS), BITS)                                                   \
    BINARY(vsaddu, "vsaddu", RNU, UINT(BITS), BITS)                                                \
    BINARY(vssub, "vssub", RNU, INT(BITS), BITS)                                                   \
    BINARY(vssubu, "vssubu", RNU, UINT(BITS), BITS)
#define ALL(MACRO) MACRO(8, 16) MACRO(16, 32) MACRO(32, 64)
ALL(MODES)
ALL(SATURATING)
WIDENING(8, 16)
WIDENING(16, 32)
WIDENING(32, 64)

static int always(void) { return 1; }

#define ROW(NAME, A, B, OUT, ACCUMULATES) {#NAME, A, B, OUT, ACCUMULATES, always, run_##NAME},
#define SAME(NAME, BITS) ROW(NAME##_e##BITS, BITS / 8, BITS / 8, BITS / 8, 0)
#define FROM_WIDE(NAME, BITS) ROW(NAME##_e##BITS, BITS / 4, BITS / 8, BITS / 8, 0)
#define ROWS_MODE(MODE, BITS)                                                                      \
    SAME(vsmul_##MODE, BITS) SAME(vaadd_##MODE, BITS) SAME(vaaddu_##MODE, BITS)                    \
    SAME(vasub_##MODE, BITS) SAME(vasubu_##MODE, BITS) SAME(vssra_##MODE, BITS)                    \
    SAME(vssrl_##MODE, BITS) FROM_WIDE(vnclip_##MODE, BITS) FROM_WIDE(vnclipu_##MODE, BITS)
#define ROWS(BITS, WIDE_BITS)                                                                      \
    ROWS_MODE(rnu, BITS) ROWS_MODE(rne, BITS) ROWS_MODE(rdn, BITS) ROWS_MODE(rod, BITS)            \
    SAME(vsadd, BITS) SAME(vsaddu, BITS) SAME(vssub, BITS) SAME(vssubu, BITS)

static const struct rule rules[] = {
    ALL(ROWS)
    ROW(vwmacc_e16, 1, 1, 2, 1)
    ROW(vwmacc_e32, 2, 2, 4, 1)
    ROW(vwmacc_e64, 4, 4, 8, 1)
};

int main(int argc, char **argv)
{
    return probe_main(rules, sizeof rules / sizeof *rules, argc, argv);
}

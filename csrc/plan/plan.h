/* What the files of packing and dispatch share. */
#ifndef PQS_PLAN_H
#define PQS_PLAN_H

#include "fast/depthwise.h"
#include "fast/gemm.h"
#include "fast/lanes.h"
#include "fast/merge.h"
#include "fast/output.h"
#include "fast/output_int32.h"
#include "fast/pack_bits.h"
#include "fast/wide.h"
#include "pyqsim.h"

/* The kernel for an ISA; null: it is not of this CPU, or has none. AUTO: the best there is. */
pqs_lanes_kernel *pqs_lanes_for(int isa);
pqs_output_kernel *pqs_output_for(int isa);
const pqs_output_int32_kernel *pqs_output_int32_for(int isa);
pqs_merge_kernel *pqs_merge_for(int isa);
pqs_pack_bits *pqs_pack_bits_for(int isa);
const pqs_gemm_kernel *pqs_gemm_for(int kind, int isa, int *found);
const pqs_wide_kernel *pqs_wide_for(int isa, int *found);
const pqs_depthwise_kernel *pqs_depthwise_for(int isa, size_t channels, int *found);

/* output_lanes.c: the rule of a register for the kernels; 0: they do not know it. */
int pqs_lower_register(const pqs_register *reg, pqs_output_columns *to);

#endif

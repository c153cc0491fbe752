/* What the files of packing and dispatch share. */
#ifndef PQS_PLAN_H
#define PQS_PLAN_H

#include "fast/depthwise.h"
#include "fast/gemm.h"
#include "fast/lanes.h"
#include "fast/output.h"
#include "fast/output_int32.h"
#include "fast/pack_bits.h"
#include "pyqsim.h"

/* The kernel for an ISA; null: it is not of this CPU, or has none. AUTO: the best there is. */
pqs_lanes_kernel *pqs_lanes_for(int isa);
pqs_output_kernel *pqs_output_for(int isa);
const pqs_output_int32_kernel *pqs_output_int32_for(int isa);
pqs_pack_bits *pqs_pack_bits_for(int isa);
const pqs_gemm_kernel *pqs_gemm_for(int kind, int isa, int *found);
const pqs_depthwise_kernel *pqs_depthwise_for(int isa, size_t channels, int *found);

#endif

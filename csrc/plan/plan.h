/* What the files of packing and dispatch share. */
#ifndef PQS_PLAN_H
#define PQS_PLAN_H

#include "fast/lanes.h"
#include "fast/output.h"
#include "pyqsim.h"

pqs_lanes_kernel *pqs_lanes_for(int isa);
pqs_output_kernel *pqs_output_for(int isa);

#endif

/* What the files of packing and dispatch share. */
#ifndef PQS_PLAN_H
#define PQS_PLAN_H

#include "fast/lanes.h"
#include "pyqsim.h"

pqs_lanes_kernel *pqs_lanes_for(int isa);

#endif

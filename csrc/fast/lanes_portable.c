/* The lanes kernel in plain C. */
#include "fast/lanes_body.h"

pqs_lanes_kernel *const pqs_lanes__portable = run_lanes;

/* What compiled the library: times, unlike values, depend on it. */
#include "pyqsim.h"

const char *pqs_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown";
#endif
}

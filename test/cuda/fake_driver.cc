// A libcuda.so.1 in which device memory is memory of the host.
#include "emulation.h"

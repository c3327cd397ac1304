#include "addon.h"

namespace kcpgate {

bool register_udp(napi_env, napi_value) { return true; }

}  // namespace kcpgate

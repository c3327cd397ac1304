// Shared by the bindings: what belongs to one environment (the main thread or a worker), and how functions are exported.
#pragma once

#include <node_api.h>

namespace kcpgate {

// Adds the functions of a part to `exports`. Each keeps what it needs in the `data` of its own functions and wrapped
// objects: nothing is global, so that the addon works in any number of worker threads.
// Returns false with a pending JavaScript exception.
bool register_udp(napi_env env, napi_value exports);
bool register_aead(napi_env env, napi_value exports);

}  // namespace kcpgate

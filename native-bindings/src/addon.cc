#include "addon.h"

// Raised whenever the shape of the exports changes; the loader refuses any other (native-bindings/load.ts).
static constexpr int ADDON_VERSION = 1;

NAPI_MODULE_INIT() {
  napi_value version;
  if (napi_create_int32(env, ADDON_VERSION, &version) != napi_ok) return nullptr;
  if (napi_set_named_property(env, exports, "version", version) != napi_ok) return nullptr;
  if (!kcpgate::register_udp(env, exports)) return nullptr;
  if (!kcpgate::register_aead(env, exports)) return nullptr;
  return exports;
}

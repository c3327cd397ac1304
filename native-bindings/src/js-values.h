// Reading and making JavaScript values. A failed read leaves its default: the typed surface in udp.ts and aead.ts is
// what callers keep to.
#pragma once

#include <node_api.h>

#include <string>

namespace kcpgate {

inline napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  napi_get_named_property(env, object, name, &value);
  return value;
}

inline int64_t integer_of(napi_env env, napi_value value, int64_t otherwise = 0) {
  int64_t number = otherwise;
  return napi_get_value_int64(env, value, &number) == napi_ok ? number : otherwise;
}

inline int32_t int32_of(napi_env env, napi_value value, int32_t otherwise = 0) {
  int32_t number = otherwise;
  return napi_get_value_int32(env, value, &number) == napi_ok ? number : otherwise;
}

inline bool boolean_of(napi_env env, napi_value value) {
  bool is = false;
  return napi_get_value_bool(env, value, &is) == napi_ok && is;
}

inline std::string text_of(napi_env env, napi_value value) {
  char text[256] = "";
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, text, sizeof text, &length) != napi_ok) return {};
  return {text, length};
}

inline napi_value js_undefined(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return value;
}

inline napi_value js_integer(napi_env env, int64_t number) {
  napi_value value = nullptr;
  napi_create_int64(env, number, &value);
  return value;
}

inline napi_value js_boolean(napi_env env, bool is) {
  napi_value value = nullptr;
  napi_get_boolean(env, is, &value);
  return value;
}

inline napi_value js_text(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

inline void set_property(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

// The memory of a typed array; null when it is none or of another type.
template <typename Element>
Element* elements_of(napi_env env, napi_value value, napi_typedarray_type expected, size_t& count) {
  napi_typedarray_type type;
  void* data = nullptr;
  count = 0;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok) return nullptr;
  if (type != expected) return nullptr;
  count = length;
  return static_cast<Element*>(data);
}

}  // namespace kcpgate

// The AEAD part of the surface in aead.ts: arguments are checked here once a call, datagrams in the key table.
#include <cmath>
#include <memory>
#include <utility>

#include "addon.h"
#include "aead-key-table.h"
#include "aead-library.h"

namespace kcpgate {

namespace {

// Tells objects of this file from any other, so that a method called on something else is an error and no crash.
constexpr napi_type_tag KEY_TABLE_TAG = {0x6b637067a7e0ad01, 0x9d1c5f0e3b7a4c26};

struct TypedArray {
  napi_typedarray_type type;
  size_t length;
  void* data;
};

bool read_typed_array(napi_env env, napi_value value, napi_typedarray_type type, TypedArray* array) {
  bool is_typed_array = false;
  return napi_is_typedarray(env, value, &is_typed_array) == napi_ok && is_typed_array &&
         napi_get_typedarray_info(env, value, &array->type, &array->length, &array->data, nullptr, nullptr) ==
             napi_ok &&
         array->type == type;
}

napi_value make_number(napi_env env, double value) {
  napi_value number = nullptr;
  napi_create_double(env, value, &number);
  return number;
}

template <size_t count>
bool read_arguments(napi_env env, napi_callback_info info, napi_value (&arguments)[count], napi_value* self) {
  size_t given = count;
  return napi_get_cb_info(env, info, &given, arguments, self, nullptr) == napi_ok;
}

// Null with a pending exception when the method was called on anything but a key table.
AeadKeyTable* read_table(napi_env env, napi_value self) {
  bool tagged = false;
  void* table = nullptr;
  if (napi_check_object_type_tag(env, self, &KEY_TABLE_TAG, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, self, &table) == napi_ok) {
    return static_cast<AeadKeyTable*>(table);
  }
  napi_throw_type_error(env, nullptr, "not a key table");
  return nullptr;
}

napi_value add_key(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  napi_value self;
  if (!read_arguments(env, info, arguments, &self)) return nullptr;
  AeadKeyTable* table = read_table(env, self);
  if (table == nullptr) return nullptr;
  TypedArray key;
  TypedArray iv;
  if (!read_typed_array(env, arguments[0], napi_uint8_array, &key) || key.length != AeadLibrary::KEY_BYTES ||
      !read_typed_array(env, arguments[1], napi_uint8_array, &iv) || iv.length != AeadLibrary::NONCE_BYTES) {
    napi_throw_range_error(env, nullptr, "a key is 16 bytes, an iv 12");
    return nullptr;
  }
  const int32_t slot = table->add(static_cast<const uint8_t*>(key.data), static_cast<const uint8_t*>(iv.data));
  if (slot != 0) return make_number(env, slot);
  napi_throw_error(env, nullptr, table->closed() ? "the cipher is closed" : "no room for another key");
  return nullptr;
}

napi_value remove_key(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value self;
  if (!read_arguments(env, info, arguments, &self)) return nullptr;
  AeadKeyTable* table = read_table(env, self);
  int32_t slot;
  if (table != nullptr && napi_get_value_int32(env, arguments[0], &slot) == napi_ok) table->remove(slot);
  return nullptr;
}

template <size_t (AeadKeyTable::*run)(const AeadKeyTable::Batch&)>
napi_value run_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_value self;
  if (!read_arguments(env, info, arguments, &self)) return nullptr;
  AeadKeyTable* keys = read_table(env, self);
  if (keys == nullptr) return nullptr;
  TypedArray bytes;
  TypedArray table;
  double count;
  if (!read_typed_array(env, arguments[0], napi_uint8_array, &bytes) ||
      !read_typed_array(env, arguments[1], napi_int32_array, &table) ||
      napi_get_value_double(env, arguments[2], &count) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected Uint8Array, Int32Array, number");
    return nullptr;
  }
  const double rows = static_cast<double>(table.length / AeadKeyTable::STRIDE);
  if (!(count >= 0 && count <= rows && count == std::floor(count))) {
    napi_throw_range_error(env, nullptr, "the table has fewer rows than the batch");
    return nullptr;
  }
  const size_t done = (keys->*run)({static_cast<uint8_t*>(bytes.data), bytes.length,
                                    static_cast<volatile int32_t*>(table.data), static_cast<size_t>(count)});
  return make_number(env, static_cast<double>(done));
}

napi_value close_table(napi_env env, napi_callback_info info) {
  napi_value self;
  if (napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr) != napi_ok) return nullptr;
  AeadKeyTable* table = read_table(env, self);
  if (table != nullptr) table->close();
  return nullptr;
}

// Also called for what is left when the environment ends.
void delete_table(napi_env, void* data, void*) { delete static_cast<AeadKeyTable*>(data); }

napi_property_descriptor method(const char* name, napi_callback call) {
  return {name, nullptr, call, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

napi_value open_key_table(napi_env env, napi_callback_info) {
  const char* reason;
  auto library = AeadLibrary::find(&reason);
  if (library == nullptr) {
    napi_throw_error(env, nullptr, reason);
    return nullptr;
  }
  napi_value implementation;
  if (napi_create_string_utf8(env, "native", NAPI_AUTO_LENGTH, &implementation) != napi_ok) return nullptr;
  const napi_property_descriptor properties[] = {
      {"implementation", nullptr, nullptr, nullptr, nullptr, implementation, napi_enumerable, nullptr},
      method("addKey", add_key),
      method("removeKey", remove_key),
      method("seal", run_batch<&AeadKeyTable::seal>),
      method("open", run_batch<&AeadKeyTable::open>),
      method("close", close_table),
  };
  napi_value object;
  if (napi_create_object(env, &object) != napi_ok ||
      napi_define_properties(env, object, sizeof properties / sizeof *properties, properties) != napi_ok ||
      napi_type_tag_object(env, object, &KEY_TABLE_TAG) != napi_ok) {
    return nullptr;
  }
  auto table = std::make_unique<AeadKeyTable>(std::move(library));
  if (napi_wrap(env, object, table.get(), delete_table, nullptr, nullptr) != napi_ok) return nullptr;
  table.release();
  return object;
}

napi_value probe_aead(napi_env env, napi_callback_info) {
  const char* text;
  const bool found = AeadLibrary::find(&text) != nullptr;
  napi_value result;
  napi_value available;
  napi_value reason;
  if (napi_create_object(env, &result) != napi_ok || napi_get_boolean(env, found, &available) != napi_ok ||
      napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &reason) != napi_ok ||
      napi_set_named_property(env, result, "available", available) != napi_ok ||
      napi_set_named_property(env, result, "reason", reason) != napi_ok) {
    return nullptr;
  }
  return result;
}

}  // namespace

bool register_aead(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
      {"probeAead", nullptr, probe_aead, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"openKeyTable", nullptr, open_key_table, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  return napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties) == napi_ok;
}

}  // namespace kcpgate

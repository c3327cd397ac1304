#include <algorithm>
#include <climits>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "addon.h"
#include "datagram-socket.h"
#include "js-values.h"
#include "udp-environment.h"
#include "udp-socket.h"

namespace kcpgate {

namespace {

constexpr size_t MAX_ARGUMENTS = 3;

// The arguments of one call from JavaScript.
struct Call {
  napi_env env;
  size_t count = MAX_ARGUMENTS;
  napi_value arguments[MAX_ARGUMENTS] = {};
  napi_value receiver = nullptr;
  void* data = nullptr;

  Call(napi_env caller, napi_callback_info info) : env(caller) {
    napi_get_cb_info(env, info, &count, arguments, &receiver, &data);
  }

  UdpEnvironment& environment() const { return *static_cast<UdpEnvironment*>(data); }
  // Methods stand on the prototype of a class, so V8 has checked what they are called on. Null after a failed opening.
  UdpSocket* socket() const {
    void* wrapped = nullptr;
    return napi_unwrap(env, receiver, &wrapped) == napi_ok ? static_cast<UdpSocket*>(wrapped) : nullptr;
  }
};

// Throws an Error like those of Node's own sockets: `code`, `syscall`, `errno`, and a message that says all of it.
void throw_system_error(napi_env env, const SystemError& error, const std::string& address, int port) {
  const int code = uv_translate_sys_error(error.number);
  char name[64] = "";
  uv_err_name_r(code, name, sizeof name);
  std::string message = std::string(error.syscall) + " " + name;
  if (!address.empty()) message += " " + address + ":" + std::to_string(port);
  napi_value thrown = nullptr;
  napi_create_error(env, js_text(env, name), js_text(env, message), &thrown);
  set_property(env, thrown, "errno", js_integer(env, code));
  set_property(env, thrown, "syscall", js_text(env, error.syscall));
  napi_throw(env, thrown);
}

bool is_exception_pending(napi_env env) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  return pending;
}

DatagramSocketOptions read_options(napi_env env, napi_value from) {
  DatagramSocketOptions options;
  options.address = text_of(env, property(env, from, "address"));
  options.port = int32_of(env, property(env, from, "port"));
  options.ipv6_only = boolean_of(env, property(env, from, "ipv6Only"));
  options.reuse_port = boolean_of(env, property(env, from, "reusePort"));
  options.descriptor = int32_of(env, property(env, from, "descriptor"), -1);
  options.remote_address = text_of(env, property(env, from, "remoteAddress"));
  options.remote_port = int32_of(env, property(env, from, "remotePort"));
  options.buffer_bytes = int32_of(env, property(env, from, "bufferBytes"));
  options.max_datagram_bytes = int32_of(env, property(env, from, "maxDatagramBytes"));
  options.max_queue_bytes = integer_of(env, property(env, from, "maxQueueBytes"));
  options.max_addresses = int32_of(env, property(env, from, "maxAddresses"));
  options.segmentation = boolean_of(env, property(env, from, "segmentation"));
  options.slot_bytes = int32_of(env, property(env, from, "slotBytes"));
  return options;
}

// The memory the socket receives into. False when it holds no slot.
bool read_memory(napi_env env, napi_value from, DatagramSocketOptions& options) {
  size_t slab_bytes = 0;
  size_t meta_count = 0;
  options.slab = elements_of<uint8_t>(env, property(env, from, "slab"), napi_uint8_array, slab_bytes);
  options.meta = elements_of<int32_t>(env, property(env, from, "meta"), napi_int32_array, meta_count);
  if (options.slab == nullptr || options.meta == nullptr || options.slot_bytes <= 0) return false;
  const size_t slots = std::min(slab_bytes / options.slot_bytes, meta_count / META_STRIDE);
  // Offsets are 32-bit integers, and the kernel takes this many messages in one call.
  options.slot_count = static_cast<int>(std::min<size_t>({slots, 1024, static_cast<size_t>(INT_MAX) / options.slot_bytes}));
  return options.slot_count > 0;
}

napi_value open_socket(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpEnvironment& environment = call.environment();
  const napi_value from = call.arguments[0];
  DatagramSocketOptions options = read_options(env, from);
  const bool memory = read_memory(env, from, options);
  if (is_exception_pending(env)) return nullptr;
  if (!memory || options.max_datagram_bytes <= 0) {
    napi_throw_range_error(env, nullptr, "slab, meta, slotBytes or maxDatagramBytes leave no room for a datagram");
    return nullptr;
  }
  SystemError error;
  std::unique_ptr<DatagramSocket> socket = open_datagram_socket(options, error);
  if (socket == nullptr) {
    const bool connecting = std::strcmp(error.syscall, "connect") == 0;
    if (options.descriptor >= 0) throw_system_error(env, error, "", 0);
    else if (connecting) throw_system_error(env, error, options.remote_address, options.remote_port);
    else throw_system_error(env, error, options.address, options.port);
    return nullptr;
  }
  const Endpoint& local = socket->local();
  napi_value constructor = nullptr;
  napi_value object = nullptr;
  if (napi_get_reference_value(env, environment.socket_class, &constructor) != napi_ok ||
      napi_new_instance(env, constructor, 0, nullptr, &object) != napi_ok) {
    return nullptr;
  }
  set_property(env, object, "address", js_text(env, local.address));
  set_property(env, object, "family", js_integer(env, local.family));
  set_property(env, object, "port", js_integer(env, local.port));
  set_property(env, object, "receiveBufferBytes", js_integer(env, socket->receive_buffer_bytes()));
  set_property(env, object, "sendBufferBytes", js_integer(env, socket->send_buffer_bytes()));
  set_property(env, object, "segmentation", js_boolean(env, socket->segmentation()));
  auto* const udp_socket = new UdpSocket(environment, std::move(socket));
  const bool opened = udp_socket->open(object, property(env, from, "slab"), property(env, from, "meta"),
                                       property(env, from, "onBatch"), property(env, from, "onError"));
  return opened ? object : nullptr;
}

napi_value socket_constructor(napi_env env, napi_callback_info info) { return Call(env, info).receiver; }

napi_value start(napi_env env, napi_callback_info info) {
  UdpSocket* const socket = Call(env, info).socket();
  if (socket != nullptr) socket->start();
  return nullptr;
}

napi_value send(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpSocket* const socket = call.socket();
  size_t length = 0;
  size_t integers = 0;
  const uint8_t* const bytes = elements_of<uint8_t>(env, call.arguments[0], napi_uint8_array, length);
  const int32_t* const descriptors = elements_of<int32_t>(env, call.arguments[1], napi_int32_array, integers);
  const int count = int32_of(env, call.arguments[2]);
  const bool within = count > 0 && static_cast<size_t>(count) <= integers / DESCRIPTOR_STRIDE;
  if (socket != nullptr && descriptors != nullptr && within) socket->send(bytes, length, descriptors, count);
  return nullptr;
}

napi_value intern(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpSocket* const socket = call.socket();
  const std::string address = text_of(env, call.arguments[0]);
  const int port = int32_of(env, call.arguments[1]);
  return js_integer(env, socket == nullptr ? -1 : socket->socket().intern(address, port));
}

napi_value retain(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpSocket* const socket = call.socket();
  if (socket != nullptr) socket->socket().retain(int32_of(env, call.arguments[0], -1));
  return nullptr;
}

napi_value release(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpSocket* const socket = call.socket();
  if (socket != nullptr) socket->socket().release(int32_of(env, call.arguments[0], -1));
  return nullptr;
}

napi_value address_of(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpSocket* const socket = call.socket();
  Endpoint address;
  if (socket == nullptr || !socket->socket().address_of(int32_of(env, call.arguments[0], -1), address)) {
    return js_undefined(env);
  }
  napi_value pair = nullptr;
  napi_create_array_with_length(env, 2, &pair);
  napi_set_element(env, pair, 0, js_text(env, address.address));
  napi_set_element(env, pair, 1, js_integer(env, address.port));
  return pair;
}

napi_value stats(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpSocket* const socket = call.socket();
  size_t room = 0;
  double* const into = elements_of<double>(env, call.arguments[0], napi_float64_array, room);
  if (socket == nullptr || into == nullptr) return nullptr;
  const DatagramCounters& counters = socket->socket().counters();
  const uint64_t values[] = {
      counters.received_datagrams, counters.received_bytes, counters.receive_batches, counters.receive_calls,
      counters.oversize_drops,     counters.receive_drops,  counters.sent_datagrams,  counters.sent_bytes,
      counters.send_calls,         counters.send_drops,     counters.socket_errors,   counters.segmented_sends,
  };
  for (size_t i = 0; i < std::min(room, std::size(values)); i++) into[i] = static_cast<double>(values[i]);
  return nullptr;
}

napi_value refuse_segmentation(napi_env env, napi_callback_info info) {
  UdpSocket* const socket = Call(env, info).socket();
  if (socket != nullptr) socket->socket().refuse_segmentation();
  return nullptr;
}

napi_value close(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UdpSocket* const socket = call.socket();
  if (socket != nullptr) socket->close(call.arguments[0]);
  return nullptr;
}

napi_value probe(napi_env env, napi_callback_info) {
  const UdpFeatures features = probe_udp();
  napi_value result = nullptr;
  napi_create_object(env, &result);
  set_property(env, result, "segmentation", js_boolean(env, features.segmentation));
  set_property(env, result, "receiveOffload", js_boolean(env, features.receive_offload));
  set_property(env, result, "reusePort", js_boolean(env, features.reuse_port));
  set_property(env, result, "steering", js_boolean(env, features.steering));
  return result;
}

ProxyHeaders headers_from(const std::string& name) {
  if (name == "proxy") return ProxyHeaders::PROXY;
  return name == "spp" ? ProxyHeaders::SIMPLE : ProxyHeaders::NONE;
}

napi_value bind_group(napi_env env, napi_callback_info info) {
  constexpr int MAX_GROUP = 1024;
  const Call call(env, info);
  const napi_value from = call.arguments[0];
  const Endpoint address{text_of(env, property(env, from, "address")), 0, int32_of(env, property(env, from, "port"))};
  const bool ipv6_only = boolean_of(env, property(env, from, "ipv6Only"));
  const int count = int32_of(env, property(env, from, "count"));
  const std::string headers = text_of(env, property(env, from, "proxyHeaders"));
  if (is_exception_pending(env)) return nullptr;
  if (count < 1 || count > MAX_GROUP) {
    napi_throw_range_error(env, nullptr, "count must be from 1 to 1024");
    return nullptr;
  }
  std::vector<int> descriptors(count);
  SystemError error;
  if (!bind_reuse_port_group(address, ipv6_only, count, headers_from(headers), descriptors.data(), error)) {
    throw_system_error(env, error, address.address, address.port);
    return nullptr;
  }
  napi_value result = nullptr;
  napi_create_array_with_length(env, count, &result);
  for (int i = 0; i < count; i++) napi_set_element(env, result, i, js_integer(env, descriptors[i]));
  return result;
}

napi_value close_one_descriptor(napi_env env, napi_callback_info info) {
  const int descriptor = int32_of(env, Call(env, info).arguments[0], -1);
  // Standard input, output and error are nobody's to close here.
  if (descriptor > 2) close_descriptor(descriptor);
  return nullptr;
}

napi_property_descriptor method(const char* name, napi_callback callback, void* data = nullptr) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, data};
}

}  // namespace

bool register_udp(napi_env env, napi_value exports) {
  UdpEnvironment* const environment = UdpEnvironment::create(env);
  if (environment == nullptr) return false;
  const napi_property_descriptor methods[] = {
      method("start", start),     method("send", send),
      method("intern", intern),   method("retain", retain),
      method("release", release), method("addressOf", address_of),
      method("stats", stats),     method("refuseSegmentation", refuse_segmentation),
      method("close", close),
  };
  napi_value socket_class = nullptr;
  if (napi_define_class(env, "NativeSocket", NAPI_AUTO_LENGTH, socket_constructor, nullptr, std::size(methods), methods,
                        &socket_class) != napi_ok) {
    return false;
  }
  if (napi_create_reference(env, socket_class, 1, &environment->socket_class) != napi_ok) return false;
  const napi_property_descriptor functions[] = {
      method("probeUdp", probe),
      method("openSocket", open_socket, environment),
      method("bindReusePortGroup", bind_group),
      method("closeDescriptor", close_one_descriptor),
  };
  return napi_define_properties(env, exports, std::size(functions), functions) == napi_ok;
}

}  // namespace kcpgate

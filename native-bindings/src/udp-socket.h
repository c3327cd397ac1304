#pragma once

#include <node_api.h>
#include <uv.h>

#include <memory>

#include "datagram-socket.h"
#include "udp-environment.h"

namespace kcpgate {

// Ties one datagram socket to the event loop and to its JavaScript object.
//
// While it is open it keeps that object, the callbacks and the memory they share alive. It is deleted when both the
// event loop and the garbage collector have let go of it, in whichever order.
class UdpSocket {
 public:
  UdpSocket(UdpEnvironment& environment, std::unique_ptr<DatagramSocket> socket);

  // Wraps `object`, which must be of the socket class, and begins to watch for errors. False with a pending exception.
  bool open(napi_value object, napi_value slab, napi_value meta, napi_value on_batch, napi_value on_error);

  DatagramSocket& socket() { return *socket_; }
  void start();
  void send(const uint8_t* bytes, size_t length, const int32_t* descriptors, int count);
  // `done` is called when the event loop has let go; nothing happens when it was closed before.
  void close(napi_value done);
  // The environment ends: closes without a word to JavaScript.
  void abandon();

 private:
  enum Kept { OBJECT, SLAB, META, ON_BATCH, ON_ERROR, DONE, KEPT_COUNT };

  ~UdpSocket() = default;
  static void on_poll(uv_poll_t* handle, int status, int events);
  static void on_closed(uv_handle_t* handle);
  static void on_collected(napi_env env, void* self, void* hint);

  bool keep(Kept which, napi_value value);
  void drop_references();
  void watch();
  void handle_events(int status, int events);
  void receive();
  void deliver_reports();
  // Calls a kept function. What it throws becomes an uncaught exception, as from any event.
  void call(Kept function, size_t count, const napi_value* arguments);
  void shut();
  void delete_when_unused();

  UdpEnvironment& environment_;
  napi_env env_;
  std::unique_ptr<DatagramSocket> socket_;
  uv_poll_t poll_{};
  napi_ref kept_[KEPT_COUNT] = {};
  int watched_ = 0;
  bool started_ = false;
  bool closed_ = false;
  bool held_by_loop_ = false;
  bool held_by_object_ = false;
};

}  // namespace kcpgate

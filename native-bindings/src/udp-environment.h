#pragma once

#include <node_api.h>
#include <uv.h>

#include <unordered_set>

namespace kcpgate {

class UdpSocket;

// The UDP part's state in one environment: the main thread or a worker. When the environment ends, sockets that are
// still open are closed, and the end waits until the event loop has let go of them.
class UdpEnvironment {
 public:
  // Null with a pending exception. Deletes itself at the end of the environment.
  static UdpEnvironment* create(napi_env env);

  napi_env env() const { return env_; }
  uv_loop_t* loop() const { return loop_; }
  void add(UdpSocket* socket) { sockets_.insert(socket); }
  void remove(UdpSocket* socket);

  // The class of socket objects.
  napi_ref socket_class = nullptr;

 private:
  UdpEnvironment(napi_env env, uv_loop_t* loop) : env_(env), loop_(loop) {}
  static void on_end(napi_async_cleanup_hook_handle handle, void* self);
  void finish();

  napi_env env_;
  uv_loop_t* loop_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool ending_ = false;
  // Open, or closed with the event loop still holding a handle.
  std::unordered_set<UdpSocket*> sockets_;
};

}  // namespace kcpgate

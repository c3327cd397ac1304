#include "udp-environment.h"

#include <vector>

#include "udp-socket.h"

namespace kcpgate {

UdpEnvironment* UdpEnvironment::create(napi_env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto* const self = new UdpEnvironment(env, loop);
  if (napi_add_async_cleanup_hook(env, on_end, self, &self->hook_) == napi_ok) return self;
  delete self;
  return nullptr;
}

void UdpEnvironment::remove(UdpSocket* socket) {
  sockets_.erase(socket);
  if (ending_ && sockets_.empty()) finish();
}

void UdpEnvironment::on_end(napi_async_cleanup_hook_handle, void* data) {
  auto* const self = static_cast<UdpEnvironment*>(data);
  napi_delete_reference(self->env_, self->socket_class);
  // A copy: one that the event loop does not hold leaves the set at once.
  const std::vector<UdpSocket*> sockets(self->sockets_.begin(), self->sockets_.end());
  for (UdpSocket* const socket : sockets) socket->abandon();
  self->ending_ = true;
  if (self->sockets_.empty()) self->finish();
}

void UdpEnvironment::finish() {
  const napi_async_cleanup_hook_handle hook = hook_;
  delete this;
  napi_remove_async_cleanup_hook(hook);
}

}  // namespace kcpgate

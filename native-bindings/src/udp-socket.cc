#include "udp-socket.h"

#include "js-values.h"

namespace kcpgate {

namespace {

// Batches per readable event; then timers and other sockets have their turn.
constexpr int MAX_ROUNDS = 4;
// Likewise: who is told of an error may send, which may fail again.
constexpr int MAX_REPORTS = 16;

class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { napi_open_handle_scope(env, &scope_); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

napi_value error_code(napi_env env, int number) {
  char name[64] = "";
  uv_err_name_r(uv_translate_sys_error(number), name, sizeof name);
  return js_text(env, name);
}

}  // namespace

UdpSocket::UdpSocket(UdpEnvironment& environment, std::unique_ptr<DatagramSocket> socket)
    : environment_(environment), env_(environment.env()), socket_(std::move(socket)) {
  poll_.data = this;
}

bool UdpSocket::open(napi_value object, napi_value slab, napi_value meta, napi_value on_batch, napi_value on_error) {
  if (napi_wrap(env_, object, this, on_collected, nullptr, nullptr) != napi_ok) {
    delete this;
    return false;
  }
  held_by_object_ = true;
  const bool kept = keep(OBJECT, object) && keep(SLAB, slab) && keep(META, meta) && keep(ON_BATCH, on_batch) &&
                    keep(ON_ERROR, on_error);
  if (!kept || uv_poll_init(environment_.loop(), &poll_, socket_->descriptor()) != 0) {
    drop_references();
    socket_->close();
    closed_ = true;
    napi_throw_error(env_, nullptr, "the event loop cannot watch this socket");
    return false;
  }
  held_by_loop_ = true;
  environment_.add(this);
  watch();
  return true;
}

void UdpSocket::start() {
  if (closed_) return;
  started_ = true;
  watch();
}

void UdpSocket::send(const uint8_t* bytes, size_t length, const int32_t* descriptors, int count) {
  socket_->send(bytes, length, descriptors, count);
  // What went wrong is told from the event loop: who sends must not be called from within.
  if (!closed_) watch();
}

void UdpSocket::close(napi_value done) {
  if (closed_) return;
  keep(DONE, done);
  shut();
}

void UdpSocket::abandon() {
  drop_references();
  env_ = nullptr;
  if (!closed_) shut();
}

void UdpSocket::on_poll(uv_poll_t* handle, int status, int events) {
  static_cast<UdpSocket*>(handle->data)->handle_events(status, events);
}

void UdpSocket::on_closed(uv_handle_t* handle) {
  auto* const self = static_cast<UdpSocket*>(handle->data);
  if (self->env_ != nullptr) {
    const HandleScope scope(self->env_);
    self->call(DONE, 0, nullptr);
  }
  // The call may have ended the environment's JavaScript, not the environment: its hook runs from the event loop only.
  if (self->env_ != nullptr) {
    const HandleScope scope(self->env_);
    self->drop_references();
  }
  self->held_by_loop_ = false;
  self->environment_.remove(self);
  self->delete_when_unused();
}

void UdpSocket::on_collected(napi_env, void* data, void*) {
  auto* const self = static_cast<UdpSocket*>(data);
  self->held_by_object_ = false;
  self->delete_when_unused();
}

bool UdpSocket::keep(Kept which, napi_value value) {
  return napi_create_reference(env_, value, 1, &kept_[which]) == napi_ok;
}

void UdpSocket::drop_references() {
  if (env_ == nullptr) return;
  for (napi_ref& reference : kept_) {
    if (reference != nullptr) napi_delete_reference(env_, reference);
    reference = nullptr;
  }
}

void UdpSocket::watch() {
  // Errors always: they show as a priority event.
  const bool wants_turn = socket_->has_queued() || socket_->has_reports();
  const int wanted = UV_PRIORITIZED | (started_ ? UV_READABLE : 0) | (wants_turn ? UV_WRITABLE : 0);
  if (wanted == watched_) return;
  watched_ = wanted;
  uv_poll_start(&poll_, wanted, on_poll);
}

void UdpSocket::handle_events(int status, int events) {
  const HandleScope scope(env_);
  // A kernel that shows errors without a priority event makes libuv stop watching.
  if (status < 0) watched_ = 0;
  if (status < 0 || (events & UV_PRIORITIZED) != 0) socket_->receive_errors();
  if ((events & UV_WRITABLE) != 0) socket_->send_queued();
  deliver_reports();
  if (!closed_ && started_ && (status < 0 || (events & UV_READABLE) != 0)) receive();
  if (!closed_) watch();
}

void UdpSocket::receive() {
  for (int round = 0; round < MAX_ROUNDS && !closed_; round++) {
    const HandleScope scope(env_);
    const ReceivedBatch batch = socket_->receive();
    if (batch.count > 0) {
      const napi_value arguments[] = {js_integer(env_, batch.count), js_boolean(env_, batch.more_waiting)};
      call(ON_BATCH, 2, arguments);
      socket_->release_batch();
    }
    if (!batch.more_waiting) return;
  }
}

void UdpSocket::deliver_reports() {
  SocketReport report;
  for (int i = 0; i < MAX_REPORTS && !closed_ && socket_->take_report(report); i++) {
    const HandleScope scope(env_);
    const napi_value arguments[] = {error_code(env_, report.number), js_text(env_, report.syscall),
                                    js_integer(env_, report.slot)};
    call(ON_ERROR, 3, arguments);
    socket_->release(report.slot);
  }
}

void UdpSocket::call(Kept function, size_t count, const napi_value* arguments) {
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  if (kept_[function] == nullptr || napi_get_reference_value(env_, kept_[function], &callback) != napi_ok) return;
  napi_get_global(env_, &receiver);
  if (callback == nullptr || receiver == nullptr) return;
  napi_make_callback(env_, nullptr, receiver, callback, count, arguments, nullptr);
  bool thrown = false;
  if (napi_is_exception_pending(env_, &thrown) != napi_ok || !thrown) return;
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_fatal_exception(env_, error);
}

void UdpSocket::shut() {
  closed_ = true;
  uv_poll_stop(&poll_);
  socket_->close();
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), on_closed);
}

void UdpSocket::delete_when_unused() {
  if (!held_by_loop_ && !held_by_object_) delete this;
}

}  // namespace kcpgate

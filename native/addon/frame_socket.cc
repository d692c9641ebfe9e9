// A client's end of a data socket, served by Node's own loop, for the library's Plug. Frames go to and come
// from JavaScript.
#include <sys/socket.h>
#include <uv.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "addon/addon.h"
#include "engine/endpoints/datagram.h"

using tsvde::kBatch;
using tsvde::kFrameMax;

namespace {

class FrameSocket : public Napi::ObjectWrap<FrameSocket> {
 public:
  explicit FrameSocket(const Napi::CallbackInfo& info)
      : ObjectWrap(info),
        socket_(std::make_unique<tsvde::Datagram>(tsvde::Fd(info[0].As<Napi::Number>()))),
        on_frames_(Napi::Persistent(info[1].As<Napi::Function>())),
        context_(info.Env(), "tsvde frame socket"),
        slab_(std::make_unique_for_overwrite<uint8_t[]>(kBatch * (kFrameMax + 1))) {
    if (info[2].IsFunction()) on_drain_ = Napi::Persistent(info[2].As<Napi::Function>());
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(info.Env(), &loop);
    poll_ = new uv_poll_t;
    poll_->data = this;
    const int error = uv_poll_init(loop, poll_, socket_->fd());
    if (error < 0) {
      delete poll_;
      poll_ = nullptr;
      throw errno_error(info.Env(), -error, "uv_poll_init");
    }
    Ref();  // keeps this object alive until close(), for frames that arrive
    napi_add_env_cleanup_hook(info.Env(), end, this);
    watch();
  }

  ~FrameSocket() override { end(this); }

  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("FrameSocket", DefineClass(env, "FrameSocket",
                                           {
                                               InstanceMethod("send", &FrameSocket::send),
                                               InstanceMethod("pause", &FrameSocket::pause),
                                               InstanceMethod("resume", &FrameSocket::resume),
                                               InstanceMethod("close", &FrameSocket::close),
                                           }));
  }

 private:
  static void end(void* wrap) {
    auto* self = static_cast<FrameSocket*>(wrap);
    if (self->poll_ == nullptr) return;
    uv_poll_stop(self->poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(self->poll_),
             [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
    self->poll_ = nullptr;
    self->socket_.reset();
  }

  void watch() {
    const int events = (reading_ ? UV_READABLE : 0) | (awaits_room_ ? UV_WRITABLE : 0);
    if (events == 0) {
      uv_poll_stop(poll_);
      return;
    }
    uv_poll_start(poll_, events, [](uv_poll_t* poll, int error, int ready) {
      auto* self = static_cast<FrameSocket*>(poll->data);
      const Napi::HandleScope scope(self->Env());
      [[maybe_unused]] const Napi::Object held = self->Value();  // a callback may close this object
      if (error < 0) ready = UV_READABLE | UV_WRITABLE;          // the calls below then return the error
      if ((ready & UV_WRITABLE) != 0 && self->awaits_room_)
        call_listener(self->Env(), [&] { self->drain(); });
      if ((ready & UV_READABLE) != 0 && self->poll_ != nullptr && self->reading_)
        call_listener(self->Env(), [&] { self->receive(); });
    });
  }

  void drain() {
    awaits_room_ = false;
    watch();
    if (!on_drain_.IsEmpty()) on_drain_.MakeCallback(Value(), {}, context_);
  }

  void receive() {
    std::array<tsvde::Frame, kBatch> frames;
    for (size_t i = 0; i < kBatch; i++) frames[i].parts[0] = {&slab_[i * (kFrameMax + 1)], kFrameMax + 1};
    const uint32_t count = socket_->receive(frames, 0).frames;
    if (count == 0) return;
    Napi::Array buffers = Napi::Array::New(Env(), count);
    for (uint32_t i = 0; i < count; i++) {
      buffers[i] =
          Napi::Buffer<uint8_t>::Copy(Env(), frames[i].data(), std::min(frames[i].size(), kFrameMax + 1));
    }
    on_frames_.MakeCallback(Value(), {buffers}, context_);
  }

  Napi::Value send(const Napi::CallbackInfo& info) {
    require_open(info);
    const auto given = info[0].As<Napi::Array>();
    std::vector<tsvde::Frame> frames(given.Length());
    std::vector<tsvde::Frame*> pointers(given.Length());
    for (uint32_t i = 0; i < given.Length(); i++) {
      auto bytes = given.Get(i).As<Napi::Uint8Array>();
      frames[i].parts[0] = {bytes.Data(), bytes.ByteLength()};
      pointers[i] = &frames[i];
    }
    uint32_t sent = 0;
    while (sent < frames.size()) {
      const auto batch = std::min<size_t>(frames.size() - sent, kBatch);
      const auto [moved, error, _] = socket_->send({&pointers[sent], batch}, 0);
      sent += moved;
      if (error == EAGAIN) {
        awaits_room_ = true;
        watch();
        break;
      }
      if (error != 0) throw errno_error(info.Env(), error, "sendmmsg");
    }
    return Napi::Number::New(info.Env(), sent);
  }

  void pause(const Napi::CallbackInfo& info) {
    require_open(info);
    reading_ = false;
    watch();
  }

  void resume(const Napi::CallbackInfo& info) {
    require_open(info);
    reading_ = true;
    watch();
  }

  void close(const Napi::CallbackInfo& info) {
    if (poll_ == nullptr) return;
    napi_remove_env_cleanup_hook(info.Env(), end, this);
    end(this);
    Unref();
  }

  void require_open(const Napi::CallbackInfo& info) const {
    if (poll_ == nullptr) throw Napi::Error::New(info.Env(), "the frame socket is closed");
  }

  std::unique_ptr<tsvde::Datagram> socket_;
  Napi::FunctionReference on_frames_;
  Napi::FunctionReference on_drain_;
  Napi::AsyncContext context_;
  std::unique_ptr<uint8_t[]> slab_;
  bool reading_ = true;
  bool awaits_room_ = false;
  uv_poll_t* poll_ = nullptr;  // freed by its close callback, which may run after this object is gone
};

}  // namespace

void init_frame_socket(Napi::Env env, Napi::Object exports) {
  FrameSocket::define(env, exports);
}

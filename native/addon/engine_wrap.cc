// The engine as a JavaScript object. Most methods are one or more tasks on the loop's thread, for which the
// caller waits. Events come back through queues for which the engine never waits.
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <system_error>
#include <type_traits>

#include "addon/addon.h"
#include "addon/engine_values.h"
#include "addon/headroom.h"
#include "engine/loop.h"

using tsvde::BusyPoll;
using tsvde::Loop;
using tsvde::MacTable;

namespace {

// How many events are delivered before other work on Node's loop gets its turn.
constexpr int kSlice = 64;

uint32_t number(const Napi::Value& value) {
  return value.As<Napi::Number>().Uint32Value();
}

BusyPoll busy_poll(const Napi::Value& value) {
  constexpr tsvde::Time kMicrosecond = 1000;
  return value.IsString() ? BusyPoll::adaptive() : BusyPoll::fixed(number(value) * kMicrosecond);
}

uint16_t vlan(const Napi::Value& value) {
  return static_cast<uint16_t>(number(value) & 0xfff);
}

class EngineWrap : public Napi::ObjectWrap<EngineWrap> {
 public:
  explicit EngineWrap(const Napi::CallbackInfo& info)
      : ObjectWrap(info),
        listener_(Napi::Persistent(info[1].As<Napi::Function>())),
        context_(info.Env(), "tsvde engine") {
    uv_loop_t* node = nullptr;
    napi_get_uv_event_loop(info.Env(), &node);
    auto wake = std::make_unique<uv_async_t>();
    wake->data = this;
    if (const int error = uv_async_init(node, wake.get(), deliver); error < 0)
      throw errno_error(info.Env(), -error, "uv_async_init");
    wake_.reset(wake.release());
    // Waiting for events does not keep the process alive.
    uv_unref(reinterpret_cast<uv_handle_t*>(wake_.get()));
    const auto settings = info[0].As<Napi::Object>();
    const uint32_t mac_limit = number(settings.Get("macLimit"));
    refusing(info.Env(), "the engine", [&] {
      loop_ = std::make_unique<Loop>(mac_limit, [this](tsvde::Event event) {
        events_.push(std::move(event));
        uv_async_send(wake_.get());
      });
    });
    if (info[2].IsFunction()) on_long_wait_ = Napi::Persistent(info[2].As<Napi::Function>());
    loop_->on_long_wait = [this](std::chrono::seconds waited) {
      if (on_long_wait_.IsEmpty()) return;
      const Napi::HandleScope scope(Env());
      call_listener(Env(), [&] {
        on_long_wait_.Call({Napi::Number::New(Env(), static_cast<double>(waited.count()))});
      });
    };
    apply(settings);
    Ref();  // keeps this object alive until close(), since events refer to it
    napi_add_env_cleanup_hook(info.Env(), end, this);
  }

  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("Engine", DefineClass(env, "Engine",
                                      {
                                          method<&EngineWrap::configure>("configure"),
                                          method<&EngineWrap::place_on_cpu>("placeOnCpu"),
                                          method<&EngineWrap::add_port>("addPort"),
                                          method<&EngineWrap::remove_port>("removePort"),
                                          method<&EngineWrap::attach>("attach"),
                                          method<&EngineWrap::detach>("detach"),
                                          method<&EngineWrap::set_vlan_created>("setVlanCreated"),
                                          method<&EngineWrap::set_untagged_vlan>("setUntaggedVlan"),
                                          method<&EngineWrap::set_member>("setMember"),
                                          method<&EngineWrap::set_discarding>("setDiscarding"),
                                          method<&EngineWrap::send>("send"),
                                          method<&EngineWrap::watch_macs>("watchMacs"),
                                          method<&EngineWrap::add_capture>("addCapture"),
                                          method<&EngineWrap::describe_captured>("describeCaptured"),
                                          method<&EngineWrap::capture_stats>("captureStats"),
                                          method<&EngineWrap::finish_capture>("finishCapture"),
                                          method<&EngineWrap::remove_capture>("removeCapture"),
                                          method<&EngineWrap::add_mirror>("addMirror"),
                                          method<&EngineWrap::mirrored_frames>("mirroredFrames"),
                                          method<&EngineWrap::remove_mirror>("removeMirror"),
                                          method<&EngineWrap::events_lost>("eventsLost"),
                                          method<&EngineWrap::counters>("counters"),
                                          method<&EngineWrap::reset_counters>("resetCounters"),
                                          method<&EngineWrap::guests>("guests"),
                                          method<&EngineWrap::mac_entries>("macEntries"),
                                          method<&EngineWrap::mac_stats>("macStats"),
                                          method<&EngineWrap::port_of>("portOf"),
                                          method<&EngineWrap::flush_macs>("flushMacs"),
                                          method<&EngineWrap::unanswered_ms>("unansweredMs"),
                                          method<&EngineWrap::close>("close"),
                                      }));
  }

 private:
  // Runs `action`, and turns want of memory, descriptors or threads into a JavaScript error.
  template <typename Action>
  static std::invoke_result_t<Action> refusing(Napi::Env env, const char* what, Action action) {
    try {
      return action();
    } catch (const std::bad_alloc&) {
      throw errno_error(env, ENOMEM, what);
    } catch (const std::system_error& error) {
      throw errno_error(env, error.code().value(), what);
    }
  }

  template <auto Method>
  static Napi::ClassPropertyDescriptor<EngineWrap> method(const char* name) {
    return InstanceMethod(name, &EngineWrap::refusing_method<Method>, napi_default, const_cast<char*>(name));
  }
  template <auto Method>
  Napi::Value refusing_method(const Napi::CallbackInfo& info) {
    return refusing(info.Env(), static_cast<const char*>(info.Data()), [&] {
      if constexpr (std::is_void_v<decltype((this->*Method)(info))>) {
        (this->*Method)(info);
        return info.Env().Undefined();
      } else {
        return (this->*Method)(info);
      }
    });
  }

  // Deletes the handle only in libuv's close callback, which may run after this object is gone.
  struct Close {
    void operator()(uv_async_t* wake) const {
      uv_close(reinterpret_cast<uv_handle_t*>(wake),
               [](uv_handle_t* handle) { delete reinterpret_cast<uv_async_t*>(handle); });
    }
  };

  // Delivers up to kSlice events, and takes the most urgent one each time, since others may have arrived.
  static void deliver(uv_async_t* wake) {
    auto* self = static_cast<EngineWrap*>(wake->data);
    const Napi::HandleScope scope(self->Env());
    [[maybe_unused]] const Napi::Object held = self->Value();  // a listener may close this object
    for (int i = 0; i < kSlice && self->loop_; i++) {
      const auto event = self->events_.take();
      if (!event) return;
      const Napi::HandleScope one(self->Env());
      call_listener(self->Env(), [&] {
        self->listener_.MakeCallback(held, {event_object(self->Env(), *event)}, self->context_);
      });
    }
    if (self->loop_) uv_async_send(wake);
  }

  // Stops the engine in the only safe order: the thread ends, so that nothing calls uv_async_send() any more,
  // and then the handle is closed. Events that still wait are not delivered, since a listener could no longer
  // use the engine.
  static void end(void* wrap) {
    auto* self = static_cast<EngineWrap*>(wrap);
    if (!self->loop_) return;
    self->loop_.reset();
    self->wake_.reset();
  }

  Loop& loop(const Napi::CallbackInfo& info) {
    if (!loop_) throw Napi::Error::New(info.Env(), "the switch is closed");
    return *loop_;
  }

  // Reads the settings here, and applies them on the loop's thread, which must not access JavaScript values.
  void apply(const Napi::Object& given) {
    struct Settings {
      bool hub, strict_vlan, takes_bpdus;
      MacTable::Settings macs;
    };
    Settings settings = loop_->call([](tsvde::Switch& sw, int64_t) {
      return Settings{sw.hub, sw.strict_vlan, sw.takes_bpdus, sw.macs.settings};
    });
    const auto flag = [&](const char* name, bool& value) {
      if (given.Has(name)) value = given.Get(name).ToBoolean();
    };
    const auto seconds = [&](const char* name, int64_t& value) {
      if (given.Has(name)) value = given.Get(name).As<Napi::Number>().Int64Value();
    };
    flag("hub", settings.hub);
    flag("strictVlan", settings.strict_vlan);
    flag("takesBpdus", settings.takes_bpdus);
    seconds("expireSeconds", settings.macs.expire_seconds);
    seconds("gcIntervalSeconds", settings.macs.gc_interval_seconds);
    seconds("minPersistenceSeconds", settings.macs.min_persistence_seconds);
    if (given.Has("capture")) loop_->set_frame_events(given.Get("capture").ToBoolean());
    if (given.Has("pacingMs")) loop_->set_pacing(number(given.Get("pacingMs")));
    if (given.Has("queueMemory"))
      loop_->set_queue_memory(
          static_cast<uint64_t>(given.Get("queueMemory").As<Napi::Number>().Int64Value()));
    if (given.Has("busyPollUs")) loop_->set_busy_poll(busy_poll(given.Get("busyPollUs")));
    loop_->call([&](tsvde::Switch& sw, int64_t) {
      sw.hub = settings.hub;
      sw.strict_vlan = settings.strict_vlan;
      sw.takes_bpdus = settings.takes_bpdus;
      sw.macs.settings = settings.macs;
    });
  }

  void configure(const Napi::CallbackInfo& info) {
    loop(info);
    apply(info[0].As<Napi::Object>());
  }

  void place_on_cpu(const Napi::CallbackInfo& info) {
    const int error = loop(info).place_on_cpu(number(info[0]));
    if (error != 0) throw errno_error(info.Env(), error, "sched_setaffinity");
  }

  void add_port(const Napi::CallbackInfo& info) {
    loop(info).call([port = number(info[0])](tsvde::Switch& sw, int64_t) { sw.add_port(port); });
  }

  void remove_port(const Napi::CallbackInfo& info) {
    loop(info).call([port = number(info[0])](tsvde::Switch& sw, int64_t) { sw.remove_port(port); });
  }

  void attach(const Napi::CallbackInfo& info) {
    auto endpoint = make_endpoint(info[2].As<Napi::Object>());
    const int error = has_headroom() ? loop(info).attach(number(info[0]), number(info[1]),
                                                         std::move(endpoint), number(info[3]))
                                     : ENOMEM;
    if (error != 0) throw errno_error(info.Env(), error, "attach", "port " + std::to_string(number(info[0])));
  }

  void detach(const Napi::CallbackInfo& info) { loop(info).detach(number(info[0]), number(info[1])); }

  void set_vlan_created(const Napi::CallbackInfo& info) {
    loop(info).call([vlan = vlan(info[0]), created = info[1].ToBoolean().Value()](
                        tsvde::Switch& sw, int64_t) { sw.vlans.set_created(vlan, created); });
  }

  // Runs a task with the port if the port exists.
  template <typename Task>
  void with_port(const Napi::CallbackInfo& info, Task task) {
    loop(info).call([&, port = number(info[0])](tsvde::Switch& sw, int64_t) {
      if (tsvde::Port* found = sw.port(port)) task(sw, *found);
    });
  }

  void set_untagged_vlan(const Napi::CallbackInfo& info) {
    with_port(info, [vlan = vlan(info[1])](tsvde::Switch& sw, tsvde::Port& port) {
      sw.set_untagged_vlan(port, vlan);
    });
  }

  void set_member(const Napi::CallbackInfo& info) {
    with_port(info, [vlan = vlan(info[1]), member = info[2].ToBoolean().Value()](
                        tsvde::Switch& sw, tsvde::Port& port) { sw.set_member(port, vlan, member); });
  }

  void set_discarding(const Napi::CallbackInfo& info) {
    with_port(info, [vlan = vlan(info[1]), discarding = info[2].ToBoolean().Value()](
                        tsvde::Switch& sw, tsvde::Port& port) { sw.set_discarding(port, vlan, discarding); });
  }

  void send(const Napi::CallbackInfo& info) {
    auto bytes = info[1].As<Napi::Uint8Array>();
    loop(info).send(number(info[0]), {bytes.Data(), bytes.ByteLength()});
  }

  void watch_macs(const Napi::CallbackInfo& info) { loop(info).watch_macs(info[0].ToBoolean()); }

  void add_capture(const Napi::CallbackInfo& info) {
    const auto given = info[1].As<Napi::Object>();
    tsvde::Fd output(static_cast<int>(number(given.Get("fd"))));
    const int error = loop(info).add_capture(number(info[0]), capture_settings(given), std::move(output));
    if (error != 0) throw errno_error(info.Env(), error, "capture");
  }

  void describe_captured(const Napi::CallbackInfo& info) {
    std::string name = info[2].As<Napi::String>();
    std::string description = info[3].As<Napi::String>();
    loop(info).with_capture(number(info[0]), [&, port = number(info[1]),
                                              now = info[4].ToBoolean().Value()](tsvde::Capture& capture) {
      capture.describe(port, std::move(name), std::move(description));
      if (now) capture.add_interface(port);
    });
  }

  Napi::Value capture_stats(const Napi::CallbackInfo& info) {
    tsvde::CaptureStats stats;
    bool found = false;
    loop(info).with_capture(number(info[0]), [&](const tsvde::Capture& capture) {
      stats = capture.stats();
      found = true;
    });
    return found ? capture_stats_object(info.Env(), stats) : info.Env().Undefined();
  }

  void finish_capture(const Napi::CallbackInfo& info) {
    loop(info).with_capture(number(info[0]), [](tsvde::Capture& capture) { capture.finish(); });
  }

  void remove_capture(const Napi::CallbackInfo& info) { loop(info).remove_capture(number(info[0])); }

  void add_mirror(const Napi::CallbackInfo& info) {
    const int error =
        loop(info).add_mirror(number(info[0]), mirror_settings(info[1].As<Napi::Object>()), number(info[2]));
    if (error != 0) throw errno_error(info.Env(), error, "mirror");
  }

  Napi::Value mirrored_frames(const Napi::CallbackInfo& info) {
    const uint64_t frames = loop(info).call([id = number(info[0])](tsvde::Switch& sw, int64_t) {
      const auto* mirror = sw.mirrors().find(id);
      return mirror == nullptr ? uint64_t{0} : mirror->frames;
    });
    return Napi::BigInt::New(info.Env(), frames);
  }

  void remove_mirror(const Napi::CallbackInfo& info) { loop(info).remove_mirror(number(info[0])); }

  Napi::Value events_lost(const Napi::CallbackInfo& info) {
    const auto lost = events_.lost();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("bpdu", Napi::BigInt::New(info.Env(), lost.bpdus));
    result.Set("notice", Napi::BigInt::New(info.Env(), lost.notices));
    result.Set("mac_moved", Napi::BigInt::New(info.Env(), lost.macs_moved));
    result.Set("mac", Napi::BigInt::New(info.Env(), lost.macs));
    result.Set("frame", Napi::BigInt::New(info.Env(), lost.frames));
    return result;
  }

  // Returns how many ports there are, for which a caller allocates before the engine fills its vectors. Only
  // this thread adds ports.
  uint32_t port_count(const Napi::CallbackInfo& info) {
    return loop(info).call([](tsvde::Switch& sw, int64_t) { return sw.port_count(); });
  }

  Napi::Value counters(const Napi::CallbackInfo& info) {
    std::vector<uint32_t> numbers;
    std::vector<tsvde::Counters> rows;
    const uint32_t count = port_count(info);
    numbers.reserve(count);
    rows.reserve(count);
    loop(info).call([&](tsvde::Switch& sw, int64_t) {
      for (const tsvde::Port* port : sw.ports()) {
        numbers.push_back(port->number);
        rows.push_back(port->snapshot());
      }
    });
    auto ports = Napi::Uint32Array::New(info.Env(), numbers.size());
    std::ranges::copy(numbers, ports.Data());
    auto values = Napi::BigUint64Array::New(info.Env(), rows.size() * tsvde::kCounterCount);
    for (size_t i = 0; i < rows.size(); i++)
      std::ranges::copy(rows[i], values.Data() + i * tsvde::kCounterCount);
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("ports", ports);
    result.Set("values", values);
    return result;
  }

  void reset_counters(const Napi::CallbackInfo& info) {
    loop(info).call([number = number(info[0])](tsvde::Switch& sw, int64_t) {
      if (tsvde::Port* port = sw.port(number)) port->counters = {};
    });
  }

  Napi::Value guests(const Napi::CallbackInfo& info) {
    struct Row {
      uint32_t port, endpoint;
      tsvde::Endpoint::GuestState guest;
    };
    std::vector<Row> rows;
    const auto endpoint_count = [](tsvde::Switch& sw, int64_t) {
      size_t count = 0;
      for (const tsvde::Port* port : sw.ports()) count += port->attachments.size();
      return count;
    };
    rows.reserve(loop(info).call(endpoint_count));
    loop(info).call([&](tsvde::Switch& sw, int64_t) {
      for (const tsvde::Port* port : sw.ports()) {
        for (const auto& attachment : port->attachments) {
          if (const auto guest = attachment->endpoint->guest())
            rows.push_back({port->number, attachment->id, *guest});
        }
      }
    });
    Napi::Array result = Napi::Array::New(info.Env(), rows.size());
    for (uint32_t i = 0; i < rows.size(); i++) {
      Napi::Object row = Napi::Object::New(info.Env());
      row.Set("port", rows[i].port);
      row.Set("endpoint", rows[i].endpoint);
      row.Set("features", Napi::BigInt::New(info.Env(), rows[i].guest.features));
      row.Set("memoryBytes", Napi::BigInt::New(info.Env(), rows[i].guest.memory_bytes));
      result[i] = row;
    }
    return result;
  }

  Napi::Value mac_entries(const Napi::CallbackInfo& info) {
    std::vector<MacTable::Entry> entries;
    entries.reserve(loop(info).call([](tsvde::Switch& sw, int64_t) { return sw.macs.size(); }));
    loop(info).call([&](tsvde::Switch& sw, int64_t now) { sw.macs.list(entries, now); });
    std::ranges::sort(entries, std::ranges::greater{}, &MacTable::Entry::serial);
    Napi::Array result = Napi::Array::New(info.Env(), entries.size());
    for (uint32_t i = 0; i < entries.size(); i++) {
      Napi::Object entry = Napi::Object::New(info.Env());
      entry.Set("mac", mac_text(entries[i].key));
      entry.Set("vlan", static_cast<uint32_t>(entries[i].key >> 48));
      entry.Set("port", entries[i].port);
      entry.Set("ageSeconds", entries[i].age_seconds);
      result[i] = entry;
    }
    return result;
  }

  Napi::Value mac_stats(const Napi::CallbackInfo& info) {
    struct Stats {
      uint32_t entries, limit;
      uint64_t moves, evictions;
    };
    const auto stats = loop(info).call([](tsvde::Switch& sw, int64_t) {
      return Stats{sw.macs.size(), sw.macs.limit(), sw.macs.moves(), sw.macs.evictions()};
    });
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("entries", stats.entries);
    result.Set("limit", stats.limit);
    result.Set("moves", Napi::BigInt::New(info.Env(), stats.moves));
    result.Set("evictions", Napi::BigInt::New(info.Env(), stats.evictions));
    return result;
  }

  Napi::Value port_of(const Napi::CallbackInfo& info) {
    auto mac = info[0].As<Napi::Uint8Array>();
    if (mac.ElementLength() != 6) throw Napi::TypeError::New(info.Env(), "a MAC address has six bytes");
    const tsvde::MacKey key = tsvde::Frame::key(mac.Data(), vlan(info[1]));
    const auto port = loop(info).call([key](tsvde::Switch& sw, int64_t now) {
      sw.macs.expire(now);
      return sw.macs.find(key);
    });
    return port ? Napi::Number::New(info.Env(), *port) : info.Env().Undefined();
  }

  Napi::Value flush_macs(const Napi::CallbackInfo& info) {
    const bool any_port = info[0].IsUndefined();
    const bool any_vlan = info[1].IsUndefined();
    const uint32_t of_port = any_port ? 0 : number(info[0]);
    const uint16_t of_vlan = any_vlan ? 0 : vlan(info[1]);
    const uint32_t gone = loop(info).call([=](tsvde::Switch& sw, int64_t) {
      if (any_port) return any_vlan ? sw.macs.flush() : sw.macs.forget_vlan(of_vlan);
      return any_vlan ? sw.macs.forget_port(of_port) : sw.macs.forget_port(of_port, of_vlan);
    });
    return Napi::Number::New(info.Env(), gone);
  }

  Napi::Value unanswered_ms(const Napi::CallbackInfo& info) {
    const auto unanswered = loop_ ? loop_->unanswered_ms() : std::nullopt;
    if (!unanswered) return info.Env().Undefined();
    return Napi::Number::New(info.Env(), static_cast<double>(*unanswered));
  }

  void close(const Napi::CallbackInfo&) {
    if (!loop_) return;
    napi_remove_env_cleanup_hook(Env(), end, this);
    end(this);
    Unref();
  }

  // Members are destroyed from the last to the first.
  Napi::FunctionReference listener_;
  Napi::FunctionReference on_long_wait_;
  Napi::AsyncContext context_;
  tsvde::EventQueues events_;
  std::unique_ptr<uv_async_t, Close> wake_;
  std::unique_ptr<Loop> loop_;  // null after close()
};

}  // namespace

void init_engine(Napi::Env env, Napi::Object exports) {
  EngineWrap::define(env, exports);
  Napi::Array names = Napi::Array::New(env, tsvde::kCounterCount);
  for (uint32_t i = 0; i < tsvde::kCounterCount; i++)
    names[i] = Napi::String::New(env, tsvde::kCounterNames[i]);
  exports.Set("counterNames", names);
  exports.Set("isValidFilter", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                const bool valid = filter_of(info[0].As<Napi::Uint32Array>()).has_value();
                return Napi::Boolean::New(info.Env(), valid);
              }));
}

// Converts values between the engine and JavaScript. src/system/engine.ts declares the types.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/endpoint.h"
#include "engine/loop.h"

// Returns text such as `02:00:00:00:00:01`.
std::string mac_text(tsvde::MacKey key);
// Returns an EngineEvent.
Napi::Object event_object(Napi::Env env, const tsvde::Event& event);
// Makes the endpoint for a Transport. The endpoint then owns the descriptors of the Transport. Throws a
// TypeError for an unknown kind.
std::unique_ptr<tsvde::Endpoint> make_endpoint(const Napi::Object& transport);
// Makes a program from the words of NativeCapture.filter. Returns nullopt if the program is not valid.
std::optional<tsvde::Bpf> filter_of(const Napi::Uint32Array& words);
// Reads everything of a NativeCapture except the descriptor. Throws a TypeError if the filter is not a valid
// program.
tsvde::CaptureSettings capture_settings(const Napi::Object& given);
// Reads a NativeMirror.
tsvde::MirrorSettings mirror_settings(const Napi::Object& given);
Napi::Object capture_stats_object(Napi::Env env, const tsvde::CaptureStats& stats);

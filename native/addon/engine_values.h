// What the engine and JavaScript hand each other, in the other's form; native.ts has the types.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "engine/endpoint.h"
#include "engine/loop.h"

// `02:00:00:00:00:01`
std::string mac_text(tsvde::MacKey key);
// An EngineEvent.
Napi::Object event_object(Napi::Env env, const tsvde::Event& event);
// Of a Transport, whose descriptors it owns.
std::unique_ptr<tsvde::Endpoint> make_endpoint(const Napi::Object& transport);

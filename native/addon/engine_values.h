// Converts values between the engine and JavaScript. native.ts declares the types.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "engine/endpoint.h"
#include "engine/loop.h"

// Returns text such as `02:00:00:00:00:01`.
std::string mac_text(tsvde::MacKey key);
// Returns an EngineEvent.
Napi::Object event_object(Napi::Env env, const tsvde::Event& event);
// Makes the endpoint for a Transport, whose descriptors it then owns. Throws a TypeError for an unknown kind.
std::unique_ptr<tsvde::Endpoint> make_endpoint(const Napi::Object& transport);

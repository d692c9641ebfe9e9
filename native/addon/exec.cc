#include "addon/addon.h"
void init_exec(Napi::Env, Napi::Object) {}

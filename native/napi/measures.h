// Particle measures and minimax games between JavaScript and the core.
#pragma once
#include "native/napi/node_addon.h"

namespace meanfield {

Napi::Value fit_measure_job(const Napi::CallbackInfo& arguments);
Napi::Value play_minimax_job(const Napi::CallbackInfo& arguments);

}  // namespace meanfield

// Linear models between JavaScript and the core.
#pragma once
#include "native/napi/node_addon.h"

namespace meanfield {

Napi::Value fit_linear(const Napi::CallbackInfo& arguments);
Napi::Value predict_linear_job(const Napi::CallbackInfo& arguments);
Napi::Value read_libsvm_job(const Napi::CallbackInfo& arguments);
Napi::Value libsvm_arrays(const Napi::CallbackInfo& arguments);

}  // namespace meanfield

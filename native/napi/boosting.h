// Boosted residual classifiers between JavaScript and the core.
#pragma once
#include "native/napi/node_addon.h"

namespace meanfield {

Napi::Value fit_boosting(const Napi::CallbackInfo& arguments);
Napi::Value predict_boosting_job(const Napi::CallbackInfo& arguments);
Napi::Value represent_boosting_job(const Napi::CallbackInfo& arguments);

}  // namespace meanfield

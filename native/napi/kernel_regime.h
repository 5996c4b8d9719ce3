// The kernel regime behind Node-API: fits, predictions, spectra.
#pragma once
#include "native/napi/node_addon.h"

namespace meanfield {

Napi::Value fit_kernel_regime(const Napi::CallbackInfo& arguments);
Napi::Value predict_kernel_regime_job(const Napi::CallbackInfo& arguments);
Napi::Value kernel_spectrum_job(const Napi::CallbackInfo& arguments);

}  // namespace meanfield

// Between JavaScript objects and the plain structs of the core. Reading is strict: whatever is missing or of the wrong
// type is refused by name, with what was found in its place.
#pragma once
#include <cstddef>

#include "native/mean_field/fit.h"
#include "native/napi/job.h"
#include "native/napi/node_addon.h"

namespace meanfield {

/// `request` of fitMeanField. Numeric arrays are not copied but pinned: they are read in place until the job has ended.
/// Arrays on resizable or shared memory, which others may shrink or write to in the meantime, are copied first.
FitRequest read_fit_request(const Napi::Object& request, Pins& pins);
/// `request` of predictMeanField.
PredictRequest read_predict_request(const Napi::Object& request, Pins& pins);
/// `{ values, rows, columns }`; `name` is for messages.
MatrixView<const float> read_matrix(const Napi::Value& value, const std::string& name, Pins& pins);
/// The same with `targets`, a number for each output of each row.
void read_table(const Napi::Value& value, const std::string& name, MatrixView<const float>& features,
                const double*& targets, int64_t& targetCount, Pins& pins);
/// A whole number of at least 0.
int64_t read_count(const Napi::Value& value, const std::string& name);
/// A whole number from 1 to 1024; `otherwise` when there is none.
int read_threads(const Napi::Value& value, int otherwise);

/// `[{ name, value, why }]`
Napi::Array chosen_array(Napi::Env env, const std::vector<Chosen>& chosen);
Napi::Object fit_result_object(Napi::Env env, const FitResult& result);
/// Arrays that JavaScript owns, filled with a copy; throw a JavaScript RangeError when there is no memory for them.
Napi::Value float64_array(Napi::Env env, const double* values, size_t count);
Napi::Value float32_array(Napi::Env env, const float* values, size_t count);

}  // namespace meanfield

#include "native/catalogue.h"

#include <cmath>
#include <cstdio>

#include "native/mean_field/dual_averaging.h"
#include "native/mean_field/dual_coordinate_ascent.h"
#include "native/mean_field/fictitious_play.h"
#include "native/mean_field/langevin.h"
#include "native/mean_field/minimax.h"
#include "native/mean_field/particle_measure.h"
#include "native/mean_field/sgd_langevin.h"
#include "native/mean_field/svrg_langevin.h"
#include "native/mean_field/two_timescale.h"
#include "native/mean_field/underdamped_langevin.h"

namespace meanfield {

const std::vector<MeanFieldAlgorithm>& mean_field_algorithms() {
  static const std::vector<MeanFieldAlgorithm> algorithms = {
      mean_field_algorithm<Langevin>(),
      mean_field_algorithm<SgdLangevin>(),
      mean_field_algorithm<SvrgLangevin>(),
      mean_field_algorithm<DualAveraging>(),
      mean_field_algorithm<DualCoordinateAscent>(),
      mean_field_algorithm<FictitiousPlay>(),
      mean_field_algorithm<UnderdampedLangevin>(),
      mean_field_algorithm<TwoTimescale>(),
  };
  return algorithms;
}

namespace {

std::string quote(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", c);
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

template <class Items, class Format>
std::string array(const Items& items, Format&& format) {
  std::string text = "[";
  for (const auto& item : items) text += (text.size() > 1 ? "," : "") + format(item);
  return text + "]";
}

std::string field_json(const OptionField& field) {
  static const char* const kTypes[] = {"number", "integer", "boolean", "choice"};
  const bool text = std::holds_alternative<std::string>(field.defaultValue) ||
                    std::holds_alternative<std::monostate>(field.defaultValue);
  const std::string value = format_option(field.defaultValue);
  std::string json = "{\"name\":" + quote(field.name) + ",\"symbol\":" + quote(field.symbol) +
                     ",\"type\":" + quote(kTypes[static_cast<int>(field.type)]) +
                     ",\"auto\":" + (field.allowsAuto ? "true" : "false") +
                     ",\"default\":" + (text ? quote(value) : value);
  if (std::isfinite(field.range.min)) json += ",\"min\":" + format_option(field.range.min);
  if (std::isfinite(field.range.max)) json += ",\"max\":" + format_option(field.range.max);
  if (field.range.minOpen) json += ",\"minOpen\":true";
  if (!field.choices.empty()) json += ",\"choices\":" + array(field.choices, quote);
  return json + ",\"doc\":" + quote(field.doc) + "}";
}

std::string column_json(const TraceColumn& column) {
  return "{\"name\":" + quote(column.name) + ",\"doc\":" + quote(column.doc) + "}";
}

std::string measure_json(const std::string& name, const std::string& title, const std::string& source,
                         const std::vector<OptionField>& fields) {
  return "{\"name\":" + quote(name) + ",\"title\":" + quote(title) + ",\"source\":" + quote(source) +
         ",\"options\":" + array(fields, field_json) + "}";
}

template <class Algorithm>
std::string algorithm_json(const Algorithm& algorithm) {
  return "{\"name\":" + quote(algorithm.name) + ",\"title\":" + quote(algorithm.title) +
         ",\"source\":" + quote(algorithm.source) + ",\"options\":" + array(algorithm.fields, field_json) + "}";
}

}  // namespace

std::string catalogue_json() {
  const std::vector<MeanFieldAlgorithm>& algorithms = mean_field_algorithms();
  const auto methods = [](const auto& list) {
    return array(list, [](const auto& algorithm) { return algorithm_json(algorithm); });
  };
  const std::string automatic = "{\"name\":" + quote(kAutoAlgorithm) +
                                ",\"title\":\"The method that suits the problem; the reason is in chosen\",\"source\":"
                                "\"C.9: design consequences of measured constants\",\"options\":[]}";
  std::string linear = methods(linear_algorithms());
  linear.insert(1, automatic + ",");
  return "{\"models\":[{\"name\":\"mean-field\",\"title\":\"Mean-field two-layer network\",\"options\":" +
         array(NetworkOptions::table().describe(), field_json) + ",\"algorithms\":" + methods(algorithms) +
         ",\"defaultAlgorithm\":" + quote(algorithms.front().name) +
         "},{\"name\":\"linear\",\"title\":\"Linear model, a convex finite sum\",\"options\":" +
         array(LinearOptions::table().describe(), field_json) + ",\"algorithms\":" + linear +
         ",\"defaultAlgorithm\":" + quote(kAutoAlgorithm) +
         ",\"run\":" + array(LinearRunOptions::table().describe(), field_json) +
         ",\"traceColumns\":" + array(linear_trace_columns(), column_json) +
         "},{\"name\":\"boosting\",\"title\":\"Boosted residual classifier\",\"options\":" +
         array(BoostingOptions::table().describe(), field_json) + ",\"algorithms\":" + methods(boosting_algorithms()) +
         ",\"defaultAlgorithm\":" + quote(boosting_algorithms().front().name) +
         ",\"run\":" + array(BoostingRunOptions::table().describe(), field_json) +
         ",\"traceColumns\":" + array(boosting_trace_columns(), column_json) +
         "},{\"name\":\"kernel-regime\",\"title\":\"Two-layer network in the tangent-kernel regime\",\"options\":" +
         array(KernelRegimeOptions::table().describe(), field_json) +
         ",\"algorithms\":" + methods(kernel_regime_algorithms()) +
         ",\"defaultAlgorithm\":" + quote(kernel_regime_algorithms().front().name) +
         ",\"run\":" + array(KernelRegimeRunOptions::table().describe(), field_json) +
         ",\"traceColumns\":" + array(kernel_regime_trace_columns(), column_json) + "}],\"measures\":[" +
         measure_json("particle-measure",
                      "Particles on the torus fitted to points by the squared maximum mean discrepancy",
                      "Chizat, TMLR 2022, arXiv 2202.01009", MeasureOptions::table().describe()) +
         "," +
         measure_json("minimax-game", "Minimax game of two distributions on the line",
                      "Kim, Yamamoto, Oko, Yang, Suzuki, ICLR 2024, arXiv 2312.01127",
                      MinimaxOptions::table().describe()) +
         "],\"measureRun\":" + array(MeasureRunOptions::table().describe(), field_json) +
         ",\"run\":" + array(RunOptions::table().describe(), field_json) +
         ",\"traceColumns\":" + array(trace_columns(), column_json) + "}";
}

std::unique_ptr<MeanFieldFit> prepare_mean_field(const FitRequest& request) {
  const std::vector<MeanFieldAlgorithm>& algorithms = mean_field_algorithms();
  if (request.algorithm.empty()) return std::make_unique<MeanFieldFit>(request, algorithms.front());
  std::vector<std::string> names;
  for (const MeanFieldAlgorithm& algorithm : algorithms) {
    if (algorithm.name == request.algorithm) return std::make_unique<MeanFieldFit>(request, algorithm);
    names.push_back(algorithm.name);
  }
  const std::string near = nearest_name(request.algorithm, names);
  std::string known;
  for (const std::string& name : names) known += (known.empty() ? "'" : ", '") + name + "'";
  throw Error(ErrorCode::InvalidOption, "algorithm is '" + request.algorithm + "'; expected one of " + known + "." +
                                            (near.empty() ? "" : " Did you mean '" + near + "'?"));
}

}  // namespace meanfield

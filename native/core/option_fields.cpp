#include "native/core/option_fields.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace meanfield {

namespace {

std::string number_text(double value) {
  char text[40];
  if (value == std::floor(value) && std::fabs(value) < 1e15) {  // 10, not 1e+01
    std::snprintf(text, sizeof text, "%.0f", value);
    return text;
  }
  std::snprintf(text, sizeof text, "%.17g", value);
  // The shortest text that reads back as the same number.
  for (int digits = 1; digits < 17; ++digits) {
    char shorter[40];
    std::snprintf(shorter, sizeof shorter, "%.*g", digits, value);
    if (std::strtod(shorter, nullptr) == value) return shorter;
  }
  return text;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "'" : ", '") + word + "'";
  return text;
}

std::string expectation(const OptionField& field) {
  const std::string orAuto = field.allowsAuto ? ", or 'auto'" : "";
  if (field.type == OptionType::Boolean) return "true or false";
  if (field.type == OptionType::Choice) return "one of " + join(field.choices);
  std::string text = field.type == OptionType::Integer ? "a whole number" : "a finite number";
  const bool hasMin = std::isfinite(field.range.min), hasMax = std::isfinite(field.range.max);
  if (hasMin) text += (field.range.minOpen ? " above " : " of at least ") + number_text(field.range.min);
  if (hasMax) text += std::string(hasMin ? " and" : "") + " at most " + number_text(field.range.max);
  return text + orAuto;
}

bool fits(const OptionField& field, const OptionValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return field.allowsAuto;
  if (field.type == OptionType::Boolean) return std::holds_alternative<bool>(value);
  if (field.type == OptionType::Choice) {
    const std::string* text = std::get_if<std::string>(&value);
    return text && std::find(field.choices.begin(), field.choices.end(), *text) != field.choices.end();
  }
  const double* number = std::get_if<double>(&value);
  if (!number || !std::isfinite(*number)) return false;
  // 2^53: the largest whole number that JavaScript and a double both hold exactly.
  if (field.type == OptionType::Integer && (*number != std::floor(*number) || std::fabs(*number) > 9007199254740992.0))
    return false;
  if (field.range.minOpen ? *number <= field.range.min : *number < field.range.min) return false;
  return *number <= field.range.max;
}

}  // namespace

std::string format_option(const OptionValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "auto";
  if (const double* number = std::get_if<double>(&value)) return number_text(*number);
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return std::get<std::string>(value);
}

void check_option(const std::string& owner, const OptionField& field, const OptionValue& value) {
  if (fits(field, value)) return;
  std::string message =
      owner + ": option '" + field.name + "' is " + format_option(value) + "; expected " + expectation(field) + ".";
  if (const std::string* text = std::get_if<std::string>(&value)) {
    const std::string near = nearest_name(*text, field.choices);
    if (!near.empty()) message += " Did you mean '" + near + "'?";
  }
  if (!field.remedy.empty()) message += " " + field.remedy;
  throw Error(ErrorCode::InvalidOption, message);
}

void unknown_option(const std::string& owner, const std::string& name, const std::vector<std::string>& known) {
  std::string message = owner + ": unknown option '" + name + "'.";
  const std::string near = nearest_name(name, known);
  message += near.empty() ? " Known: " + join(known) + "." : " Did you mean '" + near + "'?";
  throw Error(ErrorCode::InvalidOption, message);
}

std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates) {
  std::string best;
  size_t bestDistance = std::max<size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    std::vector<size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= name.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const size_t previous = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (name[i - 1] != candidate[j - 1])});
        diagonal = previous;
      }
    }
    if (row.back() < bestDistance) {
      bestDistance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace meanfield

// Options are declared once, here in C++, as fields of a table. Parsing, the messages for bad values, the TypeScript
// types, `--help`, the docs and the identity of a checkpoint all come from that table.
#pragma once
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "native/core/errors.h"

namespace meanfield {

/// A number that may be left to the formula of the paper: empty means 'auto'.
template <class T>
using Auto = std::optional<T>;

/// monostate is 'auto'; a choice is its name.
using OptionValue = std::variant<std::monostate, double, bool, std::string>;
using OptionValues = std::vector<std::pair<std::string, OptionValue>>;

/// A value that was left to 'auto', with the formula that gave it.
struct Chosen {
  std::string name;
  OptionValue value;
  std::string why;
};

struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool minOpen = false;
};
inline Range above(double min) { return {min, std::numeric_limits<double>::infinity(), true}; }
inline Range at_least(double min) { return {min}; }
inline Range between(double min, double max) { return {min, max}; }

enum class OptionType { Number, Integer, Boolean, Choice };

struct OptionField {
  std::string name;
  std::string symbol;  // as in the paper, may be empty
  OptionType type;
  bool allowsAuto;
  OptionValue defaultValue;
  Range range;
  std::vector<std::string> choices;
  std::string doc;     // one line
  std::string remedy;  // a sentence for who has given a value that does not fit; may be empty
};

/// Throws InvalidOption, naming owner, field, what was seen and what is allowed, when the value does not fit the field.
void check_option(const std::string& owner, const OptionField& field, const OptionValue& value);
/// Throws InvalidOption for a name that is not in the table, with the nearest one that is.
[[noreturn]] void unknown_option(const std::string& owner, const std::string& name,
                                 const std::vector<std::string>& known);
/// The candidate nearest to `name` in edit distance, empty when none is near.
std::string nearest_name(const std::string& name, const std::vector<std::string>& candidates);
std::string format_option(const OptionValue& value);

template <class O>
class OptionTable {
 public:
  OptionTable& number(const char* name, const char* symbol, double O::* member, Range range, const char* doc) {
    return add(
        {name, symbol, OptionType::Number, false, {}, range, {}, doc, {}},
        [member](O& o, const OptionValue& v) { o.*member = std::get<double>(v); },
        [member](const O& o) { return OptionValue(o.*member); });
  }
  OptionTable& number(const char* name, const char* symbol, Auto<double> O::* member, Range range, const char* doc) {
    return add({name, symbol, OptionType::Number, true, {}, range, {}, doc, {}}, set_auto<double>(member),
               get_auto<double>(member));
  }
  OptionTable& integer(const char* name, const char* symbol, int64_t O::* member, Range range, const char* doc) {
    return add(
        {name, symbol, OptionType::Integer, false, {}, range, {}, doc, {}},
        [member](O& o, const OptionValue& v) { o.*member = static_cast<int64_t>(std::get<double>(v)); },
        [member](const O& o) { return OptionValue(static_cast<double>(o.*member)); });
  }
  OptionTable& integer(const char* name, const char* symbol, Auto<int64_t> O::* member, Range range, const char* doc) {
    return add({name, symbol, OptionType::Integer, true, {}, range, {}, doc, {}}, set_auto<int64_t>(member),
               get_auto<int64_t>(member));
  }
  OptionTable& boolean(const char* name, bool O::* member, const char* doc) {
    return add(
        {name, "", OptionType::Boolean, false, {}, {}, {}, doc, {}},
        [member](O& o, const OptionValue& v) { o.*member = std::get<bool>(v); },
        [member](const O& o) { return OptionValue(o.*member); });
  }
  /// `choices` are the names of the enumerators 0, 1, 2, … of E.
  template <class E>
  OptionTable& choice(const char* name, E O::* member, std::vector<std::string> choices, const char* doc) {
    return add(
        {name, "", OptionType::Choice, false, {}, {}, choices, doc, {}},
        [member, choices](O& o, const OptionValue& v) {
          const std::string& text = std::get<std::string>(v);
          for (size_t i = 0; i < choices.size(); ++i)
            if (choices[i] == text) o.*member = static_cast<E>(i);
        },
        [member, choices](const O& o) { return OptionValue(choices[static_cast<size_t>(o.*member)]); });
  }

  /// Fields that several tables declare alike.
  OptionTable& with(void (*declare)(OptionTable&)) {
    declare(*this);
    return *this;
  }

  /// What to do instead of a value that does not fit the field declared last.
  OptionTable& remedy(const char* sentence) {
    entries_.back().field.remedy = sentence;
    return *this;
  }

  /// Defaults overridden by `values`; every bad name or value throws InvalidOption. `owner` names the table in messages.
  O parse(const std::string& owner, const OptionValues& values) const {
    O options;
    for (const auto& [name, value] : values) {
      const Entry* entry = find(name);
      if (!entry) unknown_option(owner, name, names());
      check_option(owner, entry->field, value);
      entry->set(options, value);
    }
    return options;
  }
  /// "name=value;…" in table order with every digit, the identity of a set of options.
  std::string canonical(const O& options) const {
    std::string text;
    for (const Entry& entry : entries_) text += entry.field.name + "=" + format_option(entry.get(options)) + ";";
    return text;
  }
  std::vector<OptionField> describe() const {
    std::vector<OptionField> fields;
    const O defaults{};
    for (const Entry& entry : entries_) {
      fields.push_back(entry.field);
      fields.back().defaultValue = entry.get(defaults);
    }
    return fields;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const Entry& entry : entries_) all.push_back(entry.field.name);
    return all;
  }

 private:
  struct Entry {
    OptionField field;
    std::function<void(O&, const OptionValue&)> set;
    std::function<OptionValue(const O&)> get;
  };

  template <class T>
  static std::function<void(O&, const OptionValue&)> set_auto(Auto<T> O::* member) {
    return [member](O& o, const OptionValue& v) {
      if (const double* number = std::get_if<double>(&v))
        o.*member = static_cast<T>(*number);
      else
        o.*member = std::nullopt;
    };
  }
  template <class T>
  static std::function<OptionValue(const O&)> get_auto(Auto<T> O::* member) {
    return [member](const O& o) {
      return (o.*member) ? OptionValue(static_cast<double>(*(o.*member))) : OptionValue(std::monostate{});
    };
  }
  OptionTable& add(OptionField field, std::function<void(O&, const OptionValue&)> set,
                   std::function<OptionValue(const O&)> get) {
    entries_.push_back({std::move(field), std::move(set), std::move(get)});
    return *this;
  }
  const Entry* find(const std::string& name) const {
    for (const Entry& entry : entries_)
      if (entry.field.name == name) return &entry;
    return nullptr;
  }

  std::vector<Entry> entries_;
};

}  // namespace meanfield

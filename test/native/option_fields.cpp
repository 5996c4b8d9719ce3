// Option tables: parsing, ranges, 'auto', choices, messages, the canonical text, and the tables of the catalogue.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "native/catalogue.h"
#include "native/core/option_fields.h"

using namespace meanfield;

namespace {

enum class Colour { Red, Green, DarkBlue };

struct Sample {
  double open = 1;
  double closed = 0.5;
  Auto<double> perhaps;
  int64_t count = 3;
  Auto<int64_t> maybeCount = 7;
  bool flag = true;
  Colour colour = Colour::Green;

  static const OptionTable<Sample>& table() {
    static const OptionTable<Sample> table =
        OptionTable<Sample>()
            .number("open", "η", &Sample::open, above(0), "Above zero.")
            .number("closed", "", &Sample::closed, between(0, 1), "A fraction.")
            .number("perhaps", "", &Sample::perhaps, {}, "Any number.")
            .integer("count", "K", &Sample::count, at_least(1), "A count.")
            .integer("maybeCount", "", &Sample::maybeCount, between(1, 10), "A small count.")
            .boolean("flag", &Sample::flag, "A switch.")
            .choice("colour", &Sample::colour, {"red", "green", "dark-blue"}, "A colour.");
    return table;
  }
};

std::string refusal(const OptionValues& values) {
  try {
    Sample::table().parse("sample", values);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::InvalidOption);
    return error.what();
  }
  return "accepted";
}

const OptionValue kAuto = std::monostate{};
const double kNan = std::nan(""), kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("options: defaults, then values, the last of a name winning") {
  const Sample defaults = Sample::table().parse("sample", {});
  CHECK(defaults.open == 1);
  CHECK(!defaults.perhaps);
  CHECK(*defaults.maybeCount == 7);
  const Sample given = Sample::table().parse("sample", {{"open", 2.5},
                                                        {"closed", 1.0},
                                                        {"perhaps", -3.0},
                                                        {"count", 9.0},
                                                        {"maybeCount", kAuto},
                                                        {"flag", false},
                                                        {"colour", std::string("dark-blue")},
                                                        {"count", 4.0}});
  CHECK(given.open == 2.5);
  CHECK(given.closed == 1);
  CHECK(*given.perhaps == -3);
  CHECK(given.count == 4);
  CHECK(!given.maybeCount);
  CHECK_FALSE(given.flag);
  CHECK(given.colour == Colour::DarkBlue);
}

TEST_CASE("options: every bad value is refused with owner, name, what was seen and what is allowed") {
  CHECK(refusal({{"open", 0.0}}) == "sample: option 'open' is 0; expected a finite number above 0.");
  CHECK(refusal({{"open", -0.25}}) == "sample: option 'open' is -0.25; expected a finite number above 0.");
  CHECK(refusal({{"open", kNan}}) == "sample: option 'open' is nan; expected a finite number above 0.");
  CHECK(refusal({{"open", kInfinity}}) == "sample: option 'open' is inf; expected a finite number above 0.");
  CHECK(refusal({{"open", kAuto}}) == "sample: option 'open' is auto; expected a finite number above 0.");
  CHECK(refusal({{"open", true}}) == "sample: option 'open' is true; expected a finite number above 0.");
  CHECK(refusal({{"closed", 1.5}}) ==
        "sample: option 'closed' is 1.5; expected a finite number of at least 0 and at most 1.");
  CHECK(refusal({{"closed", -1e-300}}).find("of at least 0") != std::string::npos);
  CHECK(refusal({{"perhaps", kNan}}) == "sample: option 'perhaps' is nan; expected a finite number, or 'auto'.");
  CHECK(refusal({{"count", 0.0}}) == "sample: option 'count' is 0; expected a whole number of at least 1.");
  CHECK(refusal({{"count", 2.5}}) == "sample: option 'count' is 2.5; expected a whole number of at least 1.");
  CHECK(refusal({{"count", 1e16}}).find("is 1e+16; expected a whole number") != std::string::npos);
  CHECK(refusal({{"maybeCount", 11.0}}) ==
        "sample: option 'maybeCount' is 11; expected a whole number of at least 1 and at most 10, or 'auto'.");
  CHECK(refusal({{"flag", 1.0}}) == "sample: option 'flag' is 1; expected true or false.");
  CHECK(refusal({{"flag", std::string("true")}}) == "sample: option 'flag' is true; expected true or false.");
  CHECK(refusal({{"colour", 1.0}}) == "sample: option 'colour' is 1; expected one of 'red', 'green', 'dark-blue'.");
  CHECK(refusal({{"colour", std::string("gren")}}) ==
        "sample: option 'colour' is gren; expected one of 'red', 'green', 'dark-blue'. Did you mean 'green'?");
  CHECK(refusal({{"count", 9007199254740992.0}}) == "accepted");
  CHECK(refusal({{"closed", 0.0}, {"closed", 1.0}}) == "accepted");
}

TEST_CASE("options: an unknown name is answered with the nearest one, or with all") {
  CHECK(refusal({{"opne", 1.0}}) == "sample: unknown option 'opne'. Did you mean 'open'?");
  CHECK(refusal({{"maybe-count", 1.0}}) == "sample: unknown option 'maybe-count'. Did you mean 'maybeCount'?");
  CHECK(refusal({{"Colour", std::string("red")}}) == "sample: unknown option 'Colour'. Did you mean 'colour'?");
  CHECK(refusal({{"temperature", 1.0}}) ==
        "sample: unknown option 'temperature'. Known: 'open', 'closed', 'perhaps', "
        "'count', 'maybeCount', 'flag', 'colour'.");
  CHECK(nearest_name("", {"abcdef"}).empty());
  CHECK(nearest_name("steps", {"step", "steps"}) == "steps");
}

TEST_CASE("options: numbers print with the fewest digits that read back as the same number") {
  for (double value :
       {0.1, 1.0 / 3, 1e-5, 1e22, -0.0, 123456789.0, 5e-324, 1.7976931348623157e308, 0.30000000000000004}) {
    const std::string text = format_option(value);
    CHECK(std::strtod(text.c_str(), nullptr) == value);
  }
  CHECK(format_option(0.1) == "0.1");
  CHECK(format_option(1e-5) == "1e-05");
  CHECK(format_option(100.0) == "100");
  CHECK(format_option(1e15) == "1e+15");
}

TEST_CASE("options: the canonical text tells any two sets of options apart, and parses back to the same") {
  const Sample sample = Sample::table().parse("sample", {{"open", 0.1}, {"maybeCount", kAuto}});
  CHECK(Sample::table().canonical(sample) ==
        "open=0.1;closed=0.5;perhaps=auto;count=3;maybeCount=auto;flag=true;colour=green;");
  Sample other = sample;
  other.open = std::nextafter(0.1, 1);
  CHECK(Sample::table().canonical(other) != Sample::table().canonical(sample));
}

TEST_CASE("catalogue: every default is a value that its own field accepts, and every field is told about") {
  const auto check_fields = [](const std::string& owner, const std::vector<OptionField>& fields) {
    std::set<std::string> names;
    for (const OptionField& field : fields) {
      INFO(owner, " ", field.name);
      check_option(owner, field, field.defaultValue);
      CHECK(names.insert(field.name).second);
      CHECK(field.doc.size() > 10);
      CHECK(field.doc.back() == '.');
      CHECK(field.choices.empty() == (field.type != OptionType::Choice));
    }
  };
  check_fields("mean-field", NetworkOptions::table().describe());
  check_fields("run", RunOptions::table().describe());
  for (const MeanFieldAlgorithm& algorithm : mean_field_algorithms()) {
    check_fields(algorithm.name, algorithm.fields);
    CHECK_FALSE(algorithm.title.empty());
    CHECK_FALSE(algorithm.source.empty());
  }
}

TEST_CASE("catalogue: choices of the network's table are the names of the enumerators") {
  const NetworkOptions defaults;
  for (const OptionField& field : NetworkOptions::table().describe()) {
    for (size_t i = 0; i < field.choices.size(); ++i) {
      if (field.name == "loss") CHECK(field.choices[i] == kLossNames[i]);
      if (field.name == "activation") CHECK(field.choices[i] == kActivationNames[i]);
      if (field.name == "secondLayer") CHECK(field.choices[i] == kSecondLayerNames[i]);
      if (field.name == "signs") CHECK(field.choices[i] == kSignsNames[i]);
    }
  }
}

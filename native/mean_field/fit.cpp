#include "native/mean_field/fit.h"

#include <algorithm>
#include <cmath>

#include "native/core/clock.h"
#include "native/core/spectrum.h"
#include "native/core/thread_pool.h"
#include "native/mean_field/machine.h"
#include "native/mean_field/requests.h"

namespace meanfield {

namespace {

constexpr double kMostParticles = 1e9;

void check_shape(const Table& table, const Loss& loss, int outputs, const std::string& name) {
  if (table.features.rows < 1 || table.features.cols < 1)
    throw Error(ErrorCode::InvalidData, name + " features are " + std::to_string(table.features.rows) + " x " +
                                            std::to_string(table.features.cols) +
                                            "; expected at least one row and one column.");
  const int64_t expected = table.features.rows * loss.target_width(outputs);
  if (table.targetCount != expected)
    throw Error(ErrorCode::InvalidData, name + " targets hold " + std::to_string(table.targetCount) +
                                            " numbers; expected " + std::to_string(expected) + " for " +
                                            std::to_string(table.features.rows) + " rows.");
}

constexpr int64_t kWidestPreconditioner = 4096;

/// At most 4096 rows, evenly spread: the largest eigenvalue of a sample of that size is close, and the cost bounded.
MatrixView<const float> sample_of(const MatrixView<const float>& x) {
  constexpr int64_t kRows = 4096;
  const int64_t every = (x.rows + kRows - 1) / kRows;
  return {x.data, (x.rows + every - 1) / every, x.cols, x.stride * every};
}

double mean_gradient(Problem& problem) {
  std::vector<double> weights;
  problem.loss_weights(weights);
  double sum = 0;
  for (double weight : weights) sum += std::fabs(weight);  // the 1/n is inside
  return sum;
}

}  // namespace

MeanFieldFit::MeanFieldFit(const FitRequest& request, const MeanFieldAlgorithm& algorithm) : request_(request) {
  model_ = NetworkOptions::table().parse("mean-field", request.model);
  options_ = RunOptions::table().parse("run", request.run);
  algorithmName_ = algorithm.name;
  algorithm_ = algorithm.bind(request.algorithmOptions);
  const bool automaticScale = !model_.outputScale;
  algorithm_.adapt(model_, request.train.targets, request.train.targetCount);
  scaleFromAlgorithm_ = automaticScale && model_.outputScale;
  loss_ = {model_.loss, model_.lossWidth};
  const int k = static_cast<int>(model_.outputs);
  if (!model_.particles && !model_.accuracy)
    throw Error(ErrorCode::InvalidOption,
                "mean-field: particles is 'auto' but accuracy is not given; give what the objective may be off by.");
  if (model_.particles && model_.accuracy)
    throw Error(
        ErrorCode::InvalidOption,
        "mean-field: accuracy is given but particles is a number; use particles 'auto', or leave accuracy out.");
  if (!model_.particles) {
    particleChoice_ = auto_particles(model_.neuron(output_scale(model_).value), loss_, *model_.accuracy);
    if (particleChoice_.value > kMostParticles)
      throw Error(ErrorCode::InvalidOption, "mean-field: accuracy " + format_option(*model_.accuracy) + " needs " +
                                                text(particleChoice_.value) +
                                                " particles; expected at most 1e9. Use a larger accuracy.");
    model_.particles = static_cast<int64_t>(particleChoice_.value);
  }
  if (model_.loss == LossKind::Softmax && k < 2)
    throw Error(ErrorCode::InvalidOption,
                "mean-field: softmax with outputs = 1; expected at least 2 classes. Use the "
                "logistic loss for two classes and one output.");
  if (model_.ridge && *model_.ridge == 0 && algorithm_.samples)
    throw Error(ErrorCode::InvalidOption,
                "mean-field: ridge is 0, so that the prior N(0, λ/(2λ') I) is improper and the particles would spread "
                "for ever; use a ridge above 0 or 'auto'.");
  check_shape(request.train, loss_, k, "training");
  if (request.hasValidation) {
    check_shape(request.validation, loss_, k, "validation");
    if (request.validation.features.cols != request.train.features.cols)
      throw Error(ErrorCode::InvalidData,
                  "validation features have " + std::to_string(request.validation.features.cols) +
                      " columns; the training features have " + std::to_string(request.train.features.cols) +
                      ". Pass the same columns in the same order.");
  }
  const NetworkShape shape = network_shape(model_, request.train.features.cols, 1, 1);
  if (request.initial && request.initialCount != shape.particles * shape.parameters())
    throw Error(ErrorCode::InvalidData, "initial particles hold " + std::to_string(request.initialCount) +
                                            " numbers; expected " + std::to_string(shape.particles) + " x " +
                                            std::to_string(shape.parameters()) +
                                            ", a row for each particle. Leave initial out to draw them.");
  for (int64_t i = 0; request.initial && i < request.initialCount; ++i)
    if (!std::isfinite(request.initial[i]))
      throw Error(ErrorCode::InvalidData, "initial particles: particle " + std::to_string(i / shape.parameters()) +
                                              ", number " + std::to_string(i % shape.parameters()) + " is " +
                                              format_option(static_cast<double>(request.initial[i])) +
                                              "; expected finite numbers. Leave initial out to draw them.");
  model_.refuse_idle();
  if (model_.initialEntropy && *model_.initialEntropy < model_.entropy)
    throw Error(ErrorCode::InvalidOption, "mean-field: initialEntropy is " + format_option(*model_.initialEntropy) +
                                              ", below the entropy " + format_option(model_.entropy) +
                                              "; expected at least as much, since annealing falls towards it.");
  if (model_.preconditioner != Preconditioning::None && model_.geometry == Geometry::Sphere)
    throw Error(ErrorCode::InvalidOption,
                "mean-field: a preconditioner would take the weights off the sphere; expected geometry "
                "'free' or preconditioner 'none'.");
  if (model_.preconditioner != Preconditioning::None && request.train.features.cols > kWidestPreconditioner)
    throw Error(ErrorCode::InvalidOption,
                "mean-field: a preconditioner of " + std::to_string(request.train.features.cols) +
                    " features is a square matrix of as many rows; expected at most " +
                    std::to_string(kWidestPreconditioner) + ". Use fewer features, or 'none'.");
  if (options_.certificateEvery && !certifiable())
    throw Error(
        ErrorCode::InvalidOption,
        "run: certificateEvery is given but there is no certificate, which needs certificate true, noise, geometry "
        "'free' and at least two particles; leave certificateEvery out or change these.");
  if (!std::is_sorted(request.snapshots.begin(), request.snapshots.end()))
    throw Error(ErrorCode::InvalidOption, "snapshots must be increasing steps.");
  if (request.firstStep && (algorithmName_ != "sgd-langevin" || model_.preconditioner != Preconditioning::None ||
                            !request.initial || !request.resume.empty() || !request.checkpoint.empty()))
    throw Error(
        ErrorCode::InvalidOption,
        "firstStep is given: a fit goes on with other rows by sgd-langevin, without preconditioner or checkpoint, from "
        "initial particles; expected these. Leave firstStep out for a fit of its own.");
  choose_machine(request.backend, request.isa, request.precision);
}

bool MeanFieldFit::certifiable() const {
  return options_.certificate && model_.geometry == Geometry::Free && algorithm_.samples && *model_.particles > 1;
}

std::pair<const Backend*, int> MeanFieldFit::place() const {
  const Machine machine = choose_machine(request_.backend, request_.isa, request_.precision);
  return {machine.backend, machine.device};
}

DataConstants MeanFieldFit::measure_data(const CancelToken& cancel) const {
  const MatrixView<const float>& x = request_.train.features;
  DataConstants constants;
  for (int64_t i = 0; i < x.rows; ++i) {
    cancel.check();
    for (int64_t j = 0; j < x.cols; ++j) constants.meanSquare += static_cast<double>(x(i, j)) * x(i, j);
  }
  constants.meanSquare = constants.meanSquare / static_cast<double>(x.rows) + (model_.bias ? 1 : 0);
  constants.largestEigen = second_moment_norm(sample_of(x), model_.bias, &cancel);
  return constants;
}

std::string MeanFieldFit::identity() const {
  if (!identity_.empty()) return identity_;
  const auto lines = [](std::string text) {
    std::replace(text.begin(), text.end(), ';', '\n');
    return text;
  };
  const auto table = [&](const Table& data) {
    uint64_t hash = 0xcbf29ce484222325ull;
    for (int64_t i = 0; i < data.features.rows; ++i)
      hash = fingerprint(data.features.row(i), static_cast<size_t>(data.features.cols) * sizeof(float), hash);
    hash = fingerprint(data.targets, static_cast<size_t>(data.targetCount) * sizeof(double), hash);
    return std::to_string(data.features.rows) + " x " + std::to_string(data.features.cols) + " fingerprint " +
           std::to_string(hash);
  };
  std::string text = "algorithm=" + algorithmName_ + "\n" + lines(algorithm_.canonical) +
                     lines(NetworkOptions::table().canonical(model_)) + "seed=" + std::to_string(options_.seed) +
                     "\ntraining data=" + table(request_.train) + "\n";
  // Backends of one precision agree to rounding and continue each other's runs; another precision is another run.
  if (request_.precision != kPrecisionNames[0]) text += "precision=" + request_.precision + "\n";
  if (request_.hasValidation) text += "validation data=" + table(request_.validation) + "\n";
  if (request_.initial)
    text += "initial particles=" +
            std::to_string(fingerprint(request_.initial, static_cast<size_t>(request_.initialCount) * sizeof(float))) +
            "\n";
  return text;
}

void MeanFieldFit::place(Problem& problem) const {
  if (request_.initial)
    problem.write_particles(request_.initial);
  else
    problem.draw_initial(Stream::Init, 0);
  if (!request_.firstStep) problem.project();
}

FitResult MeanFieldFit::run(const CancelToken& cancel, const std::function<void(const double*)>& onPoint) {
  const Clock::time_point start = Clock::now();
  check_finite(request_.train.features, "training", cancel);
  loss_.check_targets(request_.train.targets, request_.train.features.rows, static_cast<int>(model_.outputs));
  if (request_.hasValidation) {
    check_finite(request_.validation.features, "validation", cancel);
    loss_.check_targets(request_.validation.targets, request_.validation.features.rows,
                        static_cast<int>(model_.outputs));
  }

  FitResult result;
  const auto choose = [&](const char* name, bool automatic, const Choice& choice) {
    if (automatic) result.chosen.push_back({name, choice.value, choice.why});
    return choice.value;
  };
  choose("particles", !particleChoice_.why.empty(), particleChoice_);
  // Measured where something is left to 'auto': the blocks of a stream have all of it settled.
  std::optional<DataConstants> constants;
  const auto data = [&]() -> const DataConstants& {
    if (!constants) constants = measure_data(cancel);
    return *constants;
  };
  const double scale =
      scaleFromAlgorithm_
          ? choose("outputScale", true,
                   {*model_.outputScale, "the largest output weight that " + algorithmName_ + " can reach"})
          : choose("outputScale", !model_.outputScale, output_scale(model_));
  const double ridge =
      choose("ridge", !model_.ridge, model_.ridge ? Choice{*model_.ridge, ""} : auto_ridge(model_, data()));
  const Choice prior = ridge > 0 ? Choice{model_.entropy / (2 * ridge), "λ/(2λ'), the variance of the prior"}
                                 : Choice{1, "1: without a ridge there is no prior"};
  const double variance = choose("initialVariance", !model_.initialVariance,
                                 model_.initialVariance ? Choice{*model_.initialVariance, ""} : prior);
  result.threads = thread_count(options_.threads);
  const Machine machine = choose_machine(request_.backend, request_.isa, request_.precision);
  const Backend* backend = machine.backend;
  NetworkShape shape = machine.place(network_shape(model_, request_.train.features.cols, scale, result.threads));
  Preconditioner preconditioner;
  const bool preconditioned = model_.preconditioner != Preconditioning::None;
  if (preconditioned) {
    preconditioner = find_preconditioner(backend, shape, variance, cancel);
    if (model_.preconditionPrior) return run_on(preconditioner, cancel, onPoint);
  }
  Network network(backend, shape);
  const auto register_table = [&](const Table& table) {
    return Targets{network.add_matrix(table.features), table.features.rows, table.targets};
  };
  const Targets train = register_table(request_.train);
  std::optional<Targets> validation;
  if (request_.hasValidation) validation = register_table(request_.validation);

  Problem problem(network, train, loss_, ridge, model_.entropy, variance, static_cast<uint64_t>(options_.seed));
  problem.another = [&](const NetworkShape& other) {
    std::unique_ptr<Network> made = network.alike(other);
    made->add_matrix(request_.train.features);
    if (request_.hasValidation) made->add_matrix(request_.validation.features);
    made->interrupt_with(&cancel);
    return made;
  };
  problem.geometry = model_.geometry;
  problem.firstStep = request_.firstStep.value_or(0);
  if (preconditioned) problem.preconditioner = &preconditioner;
  if (model_.annealing != Annealing::Constant)
    problem.schedule = {model_.annealing,
                        choose("initialEntropy", !model_.initialEntropy,
                               {model_.initialEntropy.value_or(100 * model_.entropy), "100 times the entropy"}),
                        model_.annealingSteps, model_.annealRidge};
  problem.interrupt_with(&cancel);
  place(problem);
  // Where the loss does not bound it the mean gradient is measured at the start, if a step size is asked of it at all.
  std::optional<double> measured;
  const auto gradient = [&] {
    if (!measured) measured = std::isfinite(loss_.gradient_bound(shape.neuron.outputs)) ? 0 : mean_gradient(problem);
    return *measured;
  };
  Resolver resolver;
  resolver.rows = train.rows;
  resolver.particles = shape.particles;
  resolver.parameters = shape.parameters();
  resolver.loss = loss_;
  resolver.neuron = shape.neuron;
  resolver.ridge = ridge;
  resolver.entropy = model_.entropy;
  problem.anneal(0);
  double steepest = problem.ridge;  // the ridge is largest at the start
  problem.settle();
  std::optional<DataConstants> mappedData;  // steps are those of the mapped inputs
  if (preconditioned) {
    mappedData = data();
    const MatrixView<const float> sample = sample_of(request_.train.features);
    const std::vector<float> mapped = preconditioner.transform(sample);
    mappedData->largestEigen = second_moment_norm({mapped.data(), sample.rows, sample.cols}, model_.bias, &cancel);
    steepest *= std::max(preconditioner.largest, 1.0);
  }
  resolver.stepFor = [&](const Neuron& neuron) {
    return auto_step(neuron, loss_, mappedData ? *mappedData : data(), steepest, variance, gradient());
  };
  resolver.gradientStep = [&] { return resolver.stepFor(shape.neuron); };
  const std::unique_ptr<ParticleMethod> method = algorithm_.start(problem, validation, resolver);
  result.chosen.insert(result.chosen.end(), resolver.chosen.begin(), resolver.chosen.end());
  ThreadPool pool(result.threads);
  CertificateOptions certificate;
  certificate.estimator = options_.certificateEstimator;
  // Bounded work, about a second of two cores for each of draws, annealed chains and response, unless draws are asked for: 2·n·p flops a
  // draw.
  constexpr double kWork = 2e10;
  if (!options_.certificateDraws) certificate.work = kWork;
  const double affordable = kWork / (2.0 * static_cast<double>(train.rows) * static_cast<double>(shape.parameters()));
  certificate.draws =
      options_.certificateDraws.value_or(static_cast<int64_t>(std::min(20000.0, std::max(1000.0, affordable))));
  // The mixture of the certificate takes a step without preconditioner.
  certificate.step =
      preconditioned ? auto_step(shape.neuron, loss_, data(), ridge, variance, gradient()).value : resolver.resolved;
  method->certify_with(certificate, pool, certifiable() ? options_.certificateEvery.value_or(0) : 0);
  result.setupSeconds = seconds_since(start);

  RunPlan plan{options_, request_.snapshots, request_.checkpoint, request_.resume, ""};
  plan.measured = !request_.firstStep;
  if (!plan.checkpoint.empty() || !plan.resume.empty()) plan.identity = identity();
  RunRecord record = drive(*method, plan, cancel, onPoint);

  method->interrupt_with(&cancel);
  const std::vector<float> present = method->particles();
  result.particles = method->result();
  if (result.particles != present) {  // the output rule chose an earlier iterate
    problem.write_particles(result.particles.data());
    try {
      record.last = method->measure();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Cancelled) throw;
      record.stop = "cancelled";
      result.particles = present;
    }
  }
  result.parameters = shape.parameters();
  result.trace = std::move(record.trace);
  result.snapshots = std::move(record.snapshots);
  result.objective = record.last.objective;
  result.loss = plan.measured ? record.last.loss : method->progressive_loss();
  result.steps = method->steps();
  result.passes = method->passes();
  result.solveSeconds = record.seconds;
  result.stop = record.stop;
  result.isa = backend->isa;
  result.resumedFrom = record.resumedFrom;

  if (certifiable() && result.stop != "cancelled") {
    const Clock::time_point before = Clock::now();
    try {
      certificate.response = true;
      method->certify_with(certificate, pool, 0);
      result.certificate = method->certify(&cancel);
      result.hasCertificate = true;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::Cancelled) throw;
      result.stop = "cancelled";
    }
    result.certificateSeconds = seconds_since(before);
  }
  return result;
}

}  // namespace meanfield

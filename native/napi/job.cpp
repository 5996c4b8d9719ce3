#include "native/napi/job.h"

#include <chrono>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "native/napi/failure.h"

namespace meanfield {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kFlushInterval{50};

struct Job {
  Job(Napi::Env env, Pins pins_, Napi::Function onPoints_)
      : deferred(Napi::Promise::Deferred::New(env)), pins(std::move(pins_)) {
    if (!onPoints_.IsEmpty()) onPoints = Napi::Persistent(onPoints_);
  }
  ~Job();

  CancelToken cancel;
  std::thread thread;
  std::mutex joining;

  std::mutex mutex;  // guards the following
  bool closed = false;
  bool queued = false;  // a call is on its way to JavaScript
  bool finished = false;
  std::vector<double> rows;
  Deliver deliver;
  std::exception_ptr failure;

  // The job's thread alone.
  Clock::time_point lastFlush = Clock::now() - kFlushInterval;

  // The JavaScript thread alone.
  napi_threadsafe_function function = nullptr;
  Napi::Promise::Deferred deferred;
  Napi::FunctionReference onPoints;
  Pins pins;

  /// Asks for a call of `serve` on the JavaScript thread. Called under the lock.
  void notify() {
    if (closed || queued) return;
    const napi_status status = napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking);
    queued = status == napi_ok;
    if (status == napi_closing) closed = true;  // the environment got there first: never touch the function again
  }
  void progress(const double* row, size_t columns) {
    std::lock_guard<std::mutex> lock(mutex);
    if (rows.size() >= kMaxPendingRows * columns)
      rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(columns));
    rows.insert(rows.end(), row, row + columns);
    const Clock::time_point now = Clock::now();
    if (now - lastFlush < kFlushInterval) return;
    lastFlush = now;
    notify();
  }
  void run(const Work& work, bool wantsPoints) {
    Deliver made;
    std::exception_ptr thrown;
    try {
      made =
          work(cancel, wantsPoints ? Progress([this](const double* row, size_t n) { progress(row, n); }) : Progress());
    } catch (...) {
      thrown = std::current_exception();
    }
    std::lock_guard<std::mutex> lock(mutex);
    deliver = std::move(made);
    failure = thrown;
    finished = true;
    notify();
  }
  /// True when it was this call that closed the job, which then has to let go of the thread-safe function.
  bool close() {
    cancel.cancel();
    std::lock_guard<std::mutex> lock(mutex);
    return !std::exchange(closed, true);
  }
  void join() {
    std::lock_guard<std::mutex> lock(joining);
    if (thread.joinable()) thread.join();
  }
};

/// The jobs of all environments, for the one event that no environment is told of: `process.exit()` runs the
/// destructors of the process while threads are still at work.
struct Process {
  std::mutex mutex;
  std::unordered_set<Job*> jobs;

  static Process& get() {
    static Process process;
    return process;
  }
  ~Process() {
    std::unordered_set<Job*> left;
    {
      std::lock_guard<std::mutex> lock(mutex);
      left.swap(jobs);
    }
    for (Job* job : left) job->close();
    for (Job* job : left) job->join();
  }
};

Job::~Job() {
  Process& process = Process::get();
  std::lock_guard<std::mutex> lock(process.mutex);
  process.jobs.erase(this);
}

struct Environment {
  std::unordered_set<std::shared_ptr<Job>> jobs;

  static void close(void* data) {
    std::unordered_set<std::shared_ptr<Job>> jobs;
    jobs.swap(static_cast<Environment*>(data)->jobs);
    std::vector<std::shared_ptr<Job>> holders;
    for (const std::shared_ptr<Job>& job : jobs)
      if (job->close()) holders.push_back(job);
    for (const std::shared_ptr<Job>& job : jobs) job->join();
    for (const std::shared_ptr<Job>& job : holders) napi_release_threadsafe_function(job->function, napi_tsfn_abort);
    for (const std::shared_ptr<Job>& job : jobs) {
      job->pins.clear();
      job->onPoints.Reset();
      job->deliver = nullptr;
    }
  }
};

/// In C, because the environment may be terminated at any of these calls, and a status can be ignored where an
/// exception of the C++ wrapper could not be thrown. Returns what the callback threw, nullptr for nothing.
napi_value flush(napi_env env, const Job& job, const std::vector<double>& rows) {
  if (rows.empty() || job.onPoints.IsEmpty()) return nullptr;
  const size_t bytes = rows.size() * sizeof(double);
  void* memory = nullptr;
  napi_value buffer, array, self, thrown = nullptr;
  if (napi_create_arraybuffer(env, bytes, &memory, &buffer) != napi_ok) return nullptr;
  std::memcpy(memory, rows.data(), bytes);
  if (napi_create_typedarray(env, napi_float64_array, rows.size(), buffer, 0, &array) != napi_ok) return nullptr;
  if (napi_get_undefined(env, &self) != napi_ok) return nullptr;
  napi_call_function(env, self, job.onPoints.Value(), 1, &array, nullptr);
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) napi_get_and_clear_last_exception(env, &thrown);
  return thrown;
}

void settle(Napi::Env env, const std::shared_ptr<Job>& job) {
  job->join();  // it has only to return
  Environment* environment = env.GetInstanceData<Environment>();
  environment->jobs.erase(job);
  napi_release_threadsafe_function(job->function, napi_tsfn_release);
  job->pins.clear();
  job->onPoints.Reset();
  std::exception_ptr failure = std::exchange(job->failure, nullptr);
  Napi::Value value;
  if (!failure) {
    try {
      value = job->deliver(env);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  job->deliver = nullptr;
  if (failure)
    job->deferred.Reject(to_error(env, failure).Value());
  else
    job->deferred.Resolve(value);
}

/// On the JavaScript thread: hands over what the job's thread has left, then settles when that was the end.
void serve(napi_env rawEnv, napi_value, void* context, void*) {
  if (!rawEnv) return;  // the environment is being torn down, and the context with it
  const Napi::Env env(rawEnv);
  const Napi::HandleScope scope(env);
  const std::shared_ptr<Job> job = *static_cast<std::shared_ptr<Job>*>(context);
  std::vector<double> rows;
  bool finished;
  {
    std::lock_guard<std::mutex> lock(job->mutex);
    job->queued = false;
    rows.swap(job->rows);
    finished = job->finished;
  }
  try {
    const napi_value thrown = flush(env, *job, rows);
    if (finished) settle(env, job);
    // As an uncaught exception, which ends the process unless somebody handles it: Node would only warn of one that is
    // thrown out of here.
    if (thrown) napi_fatal_exception(env, thrown);
  } catch (...) {
    // Nothing can be told to an environment that refuses to make an array or settle a promise: it is being terminated.
  }
}

void check(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

void prepare_environment(Napi::Env env) {
  Process::get();
  Environment* environment = new Environment;
  env.SetInstanceData<Environment>(environment);
  check(env, napi_add_env_cleanup_hook(env, Environment::close, environment));
}

Napi::Object start_job(Napi::Env env, Pins pins, Napi::Function onPoints, Work work) {
  const auto job = std::make_shared<Job>(env, std::move(pins), onPoints);
  auto holder = std::make_unique<std::shared_ptr<Job>>(job);
  check(env, napi_create_threadsafe_function(
                 env, nullptr, nullptr, Napi::String::New(env, "meanfield"), 0, 1, nullptr,
                 [](napi_env, void*, void* context) { delete static_cast<std::shared_ptr<Job>*>(context); },
                 holder.get(), serve, &job->function));
  holder.release();

  Environment* environment = env.GetInstanceData<Environment>();
  try {
    {
      std::lock_guard<std::mutex> lock(Process::get().mutex);
      Process::get().jobs.insert(job.get());
    }
    environment->jobs.insert(job);
    job->thread = std::thread(
        [job = job.get(), work = std::move(work), wantsPoints = !onPoints.IsEmpty()] { job->run(work, wantsPoints); });
  } catch (...) {
    environment->jobs.erase(job);
    job->pins.clear();
    job->onPoints.Reset();
    napi_release_threadsafe_function(job->function, napi_tsfn_abort);
    throw;
  }

  Napi::Object handle = Napi::Object::New(env);
  handle.Set("promise", job->deferred.Promise());
  handle.Set("cancel", Napi::Function::New(env, [job](const Napi::CallbackInfo&) { job->cancel.cancel(); }, "cancel"));
  return handle;
}

}  // namespace meanfield

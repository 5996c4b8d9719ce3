// A library with the functions of NCCL that are used, over the emulated devices, whose memory is the host's: a send waits for the
// receive that takes it. Built by the tests; MEANFIELD_FAKE_NCCL makes it old ("2.6") or lets transfers fail ("fails").
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

struct World {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<int, int>, std::vector<double>> mail;  // by sender and receiver
  int members;
};
struct Comm {
  World* world;
  int rank;
};
struct Request {
  const double* from;
  double* to;
  size_t count;
  int peer;
  Comm* comm;
};

thread_local std::vector<Request> requests;
bool asked(const char* what) {
  const char* how = std::getenv("MEANFIELD_FAKE_NCCL");
  return how && std::string(how) == what;
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED int transfers = 0;

EXPORTED int ncclGetVersion(int* version) {
  *version = asked("2.6") ? 2604 : 22105;
  return 0;
}
EXPORTED int ncclCommInitAll(void** comms, int count, const int*) {
  World* world = new World;
  world->members = count;
  for (int rank = 0; rank < count; ++rank) comms[rank] = new Comm{world, rank};
  return 0;
}
EXPORTED int ncclCommDestroy(void* comm) {
  Comm* mine = static_cast<Comm*>(comm);
  const bool last = --mine->world->members == 0;
  if (last) delete mine->world;
  delete mine;
  return 0;
}
EXPORTED int ncclCommAbort(void* comm) { return ncclCommDestroy(comm); }
EXPORTED int ncclSend(const void* from, size_t count, int type, int peer, void* comm, void*) {
  if (type != 8) return 4;  // ncclInvalidArgument
  requests.push_back({static_cast<const double*>(from), nullptr, count, peer, static_cast<Comm*>(comm)});
  return 0;
}
EXPORTED int ncclRecv(void* to, size_t count, int type, int peer, void* comm, void*) {
  if (type != 8) return 4;
  requests.push_back({nullptr, static_cast<double*>(to), count, peer, static_cast<Comm*>(comm)});
  return 0;
}
EXPORTED int ncclGroupStart() {
  requests.clear();
  return 0;
}
EXPORTED int ncclGroupEnd() {
  if (asked("fails")) return 2;  // ncclSystemError
  for (const Request& request : requests) {
    World& world = *request.comm->world;
    std::unique_lock<std::mutex> lock(world.mutex);
    if (request.from) {
      world.mail[{request.comm->rank, request.peer}].assign(request.from, request.from + request.count);
      world.changed.notify_all();
      continue;
    }
    std::vector<double>& letter = world.mail[{request.peer, request.comm->rank}];
    world.changed.wait(lock, [&] { return letter.size() == request.count; });
    std::memcpy(request.to, letter.data(), request.count * sizeof(double));
    letter.clear();
    ++transfers;
  }
  return 0;
}
EXPORTED const char* ncclGetErrorString(int error) { return error == 2 ? "unhandled system error" : "an error"; }

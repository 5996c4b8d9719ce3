// Numbers from device to device by NCCL, opened at run time where it is installed. Its functions are declared here as they stand in
// the NCCL manual, so that neither its header nor its library is needed to build.
//
// Only sends and receives are used, not its reductions: what arrives is added up in the order of the devices, so that a run gives the
// same bits with and without NCCL.
#pragma once
#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "native/kernels/cuda/failures.h"

namespace meanfield {
namespace cuda {

struct Nccl {
  using Comm = void*;                          // ncclComm_t
  static constexpr int kSuccess = 0;           // ncclSuccess
  static constexpr int kFloat64 = 8;           // ncclFloat64
  static constexpr int kOldestVersion = 2700;  // 2.7, the first with sends and receives

  int version = 0;  // as ncclGetVersion gives it
  int (*get_version)(int* version);
  int (*init_all)(Comm* comms, int count, const int* devices);
  int (*destroy)(Comm comm);
  int (*abort)(Comm comm);
  int (*send)(const void* from, size_t count, int type, int peer, Comm comm, void* stream);
  int (*receive)(void* to, size_t count, int type, int peer, Comm comm, void* stream);
  int (*group_start)();
  int (*group_end)();
  const char* (*error_string)(int error);

  /// The library that MEANFIELD_NCCL_LIBRARY names, or libnccl.so.2; nullptr where there is none that can be used, and for the name
  /// "none". Stays open until the process ends.
  static const Nccl* find() {
    const char* named = std::getenv("MEANFIELD_NCCL_LIBRARY");
    const std::string file = named && *named ? named : "libnccl.so.2";
    if (file == "none") return nullptr;
    static std::mutex mutex;
    static std::map<std::string, Nccl> known;
    std::lock_guard<std::mutex> lock(mutex);
    const auto found = known.find(file);
    if (found != known.end()) return found->second.send ? &found->second : nullptr;
    Nccl& nccl = known[file] = open(file);
    return nccl.send ? &nccl : nullptr;
  }
  void check(int error, const char* doing) const {
    if (error == kSuccess) return;
    throw Failure{Status::DeviceFailure,
                  std::string("NCCL failed: ") + error_string(error) + " while " + doing +
                      ". Set MEANFIELD_NCCL_LIBRARY=none to copy through the host, or use one device."};
  }

 private:
  /// Without functions when one is missing or the version is too old.
  static Nccl open(const std::string& file) {
    Nccl nccl{};
    void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) return nccl;
    bool complete = true;
    const auto take = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
      complete = complete && function != nullptr;
    };
    take(nccl.get_version, "ncclGetVersion");
    take(nccl.init_all, "ncclCommInitAll");
    take(nccl.destroy, "ncclCommDestroy");
    take(nccl.abort, "ncclCommAbort");
    take(nccl.send, "ncclSend");
    take(nccl.receive, "ncclRecv");
    take(nccl.group_start, "ncclGroupStart");
    take(nccl.group_end, "ncclGroupEnd");
    take(nccl.error_string, "ncclGetErrorString");
    if (complete && nccl.get_version(&nccl.version) == kSuccess && nccl.version >= kOldestVersion) return nccl;
    dlclose(handle);
    return {};
  }
};

/// The devices of one sharded network, each with its communicator; used by a thread for each device at once.
class DeviceGroup {
 public:
  /// nullptr where NCCL is not there or cannot join these devices: what they have is then copied through the host.
  static DeviceGroup* open(const std::vector<int>& devices) {
    const Nccl* nccl = devices.size() > 1 ? Nccl::find() : nullptr;
    if (!nccl) return nullptr;
    std::vector<Nccl::Comm> comms(devices.size());
    if (nccl->init_all(comms.data(), static_cast<int>(devices.size()), devices.data()) != Nccl::kSuccess)
      return nullptr;
    return new DeviceGroup(nccl, std::move(comms));
  }
  ~DeviceGroup() {
    for (Nccl::Comm comm : comms_)
      if (comm) nccl_->destroy(comm);
  }
  DeviceGroup(const DeviceGroup&) = delete;
  DeviceGroup& operator=(const DeviceGroup&) = delete;

  int size() const { return static_cast<int>(comms_.size()); }
  /// Called for every member by its own thread: `count` numbers of all of them, one member after the other, in `to` of member 0. Put
  /// on the stream. When one fails all are released.
  void gather(int member, const double* from, int64_t count, double* to, void* stream) {
    try {
      const size_t many = static_cast<size_t>(count);
      const Nccl::Comm comm = comms_[static_cast<size_t>(member)];
      nccl_->check(nccl_->group_start(), "starting a transfer");
      int error = Nccl::kSuccess;
      if (member == 0) {
        for (int peer = 1; peer < size() && error == Nccl::kSuccess; ++peer)
          error = nccl_->receive(to + peer * count, many, Nccl::kFloat64, peer, comm, stream);
      } else {
        error = nccl_->send(from, many, Nccl::kFloat64, 0, comm, stream);
      }
      const int ended = nccl_->group_end();
      nccl_->check(error != Nccl::kSuccess ? error : ended, "moving outputs between devices");
    } catch (const Failure&) {
      std::lock_guard<std::mutex> lock(mutex_);
      for (Nccl::Comm& comm : comms_)
        if (comm) nccl_->abort(comm), comm = nullptr;
      throw;
    }
  }

 private:
  DeviceGroup(const Nccl* nccl, std::vector<Nccl::Comm> comms) : nccl_(nccl), comms_(std::move(comms)) {}
  const Nccl* nccl_;
  std::vector<Nccl::Comm> comms_;
  std::mutex mutex_;
};

}  // namespace cuda
}  // namespace meanfield

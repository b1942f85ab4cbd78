// What control groups allow a process.
//
// Each line of /proc/PID/cgroup is "number:controllers:path". In version 2 there is one hierarchy,
// whose line is "0::path", below the mount; in version 1 a hierarchy for each set of controllers,
// below a folder of the mount. A limit of a group around a process's own holds, too: every folder
// from the path up to the mount is asked. Inside a container the path may be one of the host, and
// not be there: then the mount itself is the container's group.

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

#include "src/platform/platform.h"

namespace elegy::internal::platform {

namespace {

// The number in a file; the largest if it is not there, or says "max", or -1.
std::size_t ReadLimit(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  std::size_t limit = 0;
  if (!(file >> word) || word.starts_with("-")) return SIZE_MAX;
  return std::istringstream(word) >> limit ? limit : SIZE_MAX;
}

// How many cores a quota of processor time in each period amounts to.
int CoresOf(double quota, double period) {
  const double cores = std::ceil(quota / period);
  return cores >= 1 && cores < INT_MAX ? static_cast<int>(cores) : INT_MAX;
}

// cpu.max: "quota period", or "max period".
int ReadCpuMax(const std::string& path) {
  std::ifstream file(path);
  double quota = 0;
  double period = 0;
  return file >> quota >> period ? CoresOf(quota, period) : INT_MAX;
}

// In version 1 the two have a file each; a quota of -1 is none.
int ReadCpuQuota(const std::string& group) {
  std::ifstream quota_file(group + "/cpu.cfs_quota_us");
  std::ifstream period_file(group + "/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  return quota_file >> quota && period_file >> period ? CoresOf(quota, period) : INT_MAX;
}

// Calls `visit` with the folder of each group from `path` up to the root of its hierarchy.
template <class Visit>
void ForEachGroup(const std::string& root, std::string path, Visit visit) {
  while (path.size() > 1) {
    visit(root + path);
    path.erase(path.rfind('/'));
  }
  visit(root);
}

// Whether a comma-separated list of controllers has this one.
bool Has(const std::string& controllers, const std::string& controller) {
  return ("," + controllers + ",").find("," + controller + ",") != std::string::npos;
}

}  // namespace

CgroupLimits ReadCgroupLimits(const std::string& groups, const std::string& mount) {
  CgroupLimits limits = {SIZE_MAX, INT_MAX};
  std::ifstream file(groups);
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (!path.starts_with("/")) continue;
    if (controllers.empty()) {
      ForEachGroup(mount, path, [&](const std::string& group) {
        limits.memory_bytes = std::min(limits.memory_bytes, ReadLimit(group + "/memory.max"));
        limits.cores = std::min(limits.cores, ReadCpuMax(group + "/cpu.max"));
      });
    }
    if (Has(controllers, "memory")) {
      ForEachGroup(mount + "/memory", path, [&](const std::string& group) {
        limits.memory_bytes =
            std::min(limits.memory_bytes, ReadLimit(group + "/memory.limit_in_bytes"));
      });
    }
    if (Has(controllers, "cpu")) {
      ForEachGroup(mount + "/cpu", path, [&](const std::string& group) {
        limits.cores = std::min(limits.cores, ReadCpuQuota(group));
      });
    }
  }
  return limits;
}

}  // namespace elegy::internal::platform

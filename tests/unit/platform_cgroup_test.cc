// What control groups allow a process, read from files as the kernel writes them.

#include <gtest/gtest.h>

#include <climits>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "src/platform/platform.h"

namespace elegy::test {
namespace {

using internal::platform::CgroupLimits;
using internal::platform::ReadCgroupLimits;

class PlatformCgroupTest : public testing::Test {
 protected:
  PlatformCgroupTest() {
    std::string name = std::filesystem::temp_directory_path() / "elegy_cgroup_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~PlatformCgroupTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  CgroupLimits Read() const { return ReadCgroupLimits(folder_ / "cgroup", folder_ / "mount"); }

 private:
  std::filesystem::path folder_;
};

TEST_F(PlatformCgroupTest, NoGroupsNoLimits) {
  EXPECT_EQ(Read().memory_bytes, SIZE_MAX);
  EXPECT_EQ(Read().cores, INT_MAX);
  Write("cgroup", "0::/\n");
  EXPECT_EQ(Read().memory_bytes, SIZE_MAX);
  Write("cgroup", "nonsense\n::\n7:memory:relative\n0::/nowhere/at/all\n");
  EXPECT_EQ(Read().memory_bytes, SIZE_MAX);
  EXPECT_EQ(Read().cores, INT_MAX);
}

// As a systemd unit with MemoryMax= and CPUQuota=.
TEST_F(PlatformCgroupTest, TheOwnGroupsLimitsCount) {
  Write("cgroup", "0::/system.slice/editor.service\n");
  Write("mount/system.slice/editor.service/memory.max", "536870912\n");
  Write("mount/system.slice/editor.service/cpu.max", "150000 100000\n");
  Write("mount/system.slice/memory.max", "max\n");
  Write("mount/system.slice/cpu.max", "max 100000\n");
  EXPECT_EQ(Read().memory_bytes, 536'870'912u);
  EXPECT_EQ(Read().cores, 2);
}

TEST_F(PlatformCgroupTest, AGroupAroundItMayAllowLess) {
  Write("cgroup", "0::/a/b/c\n");
  Write("mount/a/b/c/memory.max", "3000000\n");
  Write("mount/a/b/memory.max", "2000000\n");
  Write("mount/a/memory.max", "4000000\n");
  Write("mount/a/cpu.max", "400000 100000\n");
  EXPECT_EQ(Read().memory_bytes, 2'000'000u);
  EXPECT_EQ(Read().cores, 4);
}

// In a container the mount is its own group, and the path may be the host's.
TEST_F(PlatformCgroupTest, AContainersRootCounts) {
  Write("cgroup", "0::/docker/4f5e\n");
  Write("mount/memory.max", "1000000\n");
  Write("mount/cpu.max", "50000 100000\n");
  EXPECT_EQ(Read().memory_bytes, 1'000'000u);
  EXPECT_EQ(Read().cores, 1);
}

TEST_F(PlatformCgroupTest, VersionOneHasAHierarchyForEachController) {
  Write("cgroup", "9:pids:/x\n4:memory:/pod/one\n2:cpuset:/pod\n1:cpu,cpuacct:/pod/one\n0::/\n");
  Write("mount/memory/pod/one/memory.limit_in_bytes", "9223372036854771712\n");
  Write("mount/memory/pod/memory.limit_in_bytes", "700000000\n");
  Write("mount/cpu/pod/one/cpu.cfs_quota_us", "-1\n");
  Write("mount/cpu/pod/one/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Read().memory_bytes, 700'000'000u);
  EXPECT_EQ(Read().cores, INT_MAX);
  Write("mount/cpu/pod/cpu.cfs_quota_us", "250000\n");
  Write("mount/cpu/pod/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Read().cores, 3);
}

}  // namespace
}  // namespace elegy::test

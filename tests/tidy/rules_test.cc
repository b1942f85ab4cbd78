// Shows each rule a tree that keeps it and one that breaks it: a rule that finds nothing proves
// nothing unless it has been seen to find something.

#include "tests/tidy/rules.h"

#include <cstddef>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/source_tree.h"

namespace elegy::tidy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Lines = std::vector<std::string>;

SourceFile LayerTable(const Lines& rows) {
  SourceFile readme{"src/README.md",
                    {"# Layers", "", "| layer | may include | gives |", "| --- | --- | --- |"}};
  readme.lines.insert(readme.lines.end(), rows.begin(), rows.end());
  return readme;
}

TEST(RulesTest, LongFiles) {
  const auto of_length = [](std::size_t lines) {
    return SourceTree{{"src/base/a.cc", Lines(lines)}};
  };
  EXPECT_THAT(LongFiles(of_length(400)), IsEmpty());
  EXPECT_THAT(LongFiles(of_length(401)), ElementsAre(StartsWith("src/base/a.cc:401:")));
}

TEST(RulesTest, LongFunctions) {
  // A function of so many lines, in a class or outside.
  const auto of_length = [](std::size_t lines, const std::string& head, const std::string& indent) {
    Lines text = {"", indent + head};
    text.insert(text.end(), {indent + "         int b) {", "#if 1", ""});
    text.resize(lines, indent + "  a = b;");
    text.push_back(indent + "}");
    text.push_back("");
    return SourceTree{{"tests/a.cc", text}};
  };
  for (const std::string indent : {"", "  "}) {
    EXPECT_THAT(LongFunctions(of_length(70, "void F(int a,", indent)), IsEmpty());
    EXPECT_THAT(LongFunctions(of_length(71, "void F(int a,", indent)),
                ElementsAre(StartsWith("tests/a.cc:2:")));
    EXPECT_THAT(LongFunctions(of_length(71, "auto FieldsOf(int a,", indent)), IsEmpty());
  }
  Lines type = {"struct A {"};
  type.resize(100, "  int b;");
  type.push_back("};");
  EXPECT_THAT(LongFunctions({{"src/base/a.h", type}}), IsEmpty());
}

TEST(RulesTest, LongLinesCountsCodePoints) {
  std::string line;
  for (int i = 0; i < 100; ++i) line += "\u00e9";
  EXPECT_THAT(LongLines({{"bench/a.cc", {line}}}), IsEmpty());
  EXPECT_THAT(LongLines({{"bench/a.cc", {"", line + "x"}}}),
              ElementsAre(StartsWith("bench/a.cc:2:")));
}

TEST(RulesTest, TrailingWhitespace) {
  EXPECT_THAT(TrailingWhitespace({{"tests/a.cc", {"int a;", "", "  int b;"}}}), IsEmpty());
  EXPECT_THAT(TrailingWhitespace({{"tests/a.cc", {"int a; ", "\t", "int b;\r"}}}),
              ElementsAre(StartsWith("tests/a.cc:1:"), StartsWith("tests/a.cc:2:"),
                          StartsWith("tests/a.cc:3:")));
}

TEST(RulesTest, UnexplainedOrderings) {
  const std::string load = "a.load(std::memory_order_acquire);";
  EXPECT_THAT(UnexplainedOrderings({{"src/base/a.h", {load + "  // Pairs with B."}}}), IsEmpty());
  EXPECT_THAT(UnexplainedOrderings({{"src/base/a.h", {"// Why.", "", "", "", "", "", load}}}),
              IsEmpty());
  EXPECT_THAT(UnexplainedOrderings({{"src/base/a.h", {"// Why.", "", "", "", "", "", "", load}}}),
              ElementsAre(StartsWith("src/base/a.h:8:")));
  EXPECT_THAT(UnexplainedOrderings({{"tests/unit/a.cc", {load}}}), IsEmpty());
}

TEST(RulesTest, ForbiddenNames) {
  EXPECT_THAT(ForbiddenNames({{"src/base/a.h", {"std::mutex m;  // Not an absl::Mutex."}}}),
              IsEmpty());
  EXPECT_THAT(
      ForbiddenNames({{"src/base/a.h", {"absl::Mutex m;", "std::atomic_thread_fence(o);"}}}),
      ElementsAre(HasSubstr("absl::Mutex"), HasSubstr("atomic_thread_fence")));
}

TEST(RulesTest, OsHeaders) {
  const Lines lines = {"#include <sys/mman.h>", "#include <vector>", "# include <linux/futex.h>"};
  EXPECT_THAT(OsHeaders({{"src/platform/linux.cc", lines}}), IsEmpty());
  EXPECT_THAT(OsHeaders({{"include/elegy/a.h", lines}}),
              ElementsAre(HasSubstr("sys/mman.h"), HasSubstr("linux/futex.h")));
}

TEST(RulesTest, IncludePaths) {
  EXPECT_THAT(IncludePaths({{"src/base/a.cc", {"#include \"src/base/a.h\"", "#include <set>"}}}),
              IsEmpty());
  EXPECT_THAT(IncludePaths({{"include/elegy/a.h", {"#include \"src/base/a.h\""}}}),
              ElementsAre(HasSubstr("not installed")));
  EXPECT_THAT(IncludePaths({{"src/base/a.cc", {"#include \"a.h\""}}}),
              ElementsAre(HasSubstr("not a full path")));
  EXPECT_THAT(IncludePaths({{"src/base/a.cc", {"#include \"src/base/../heap/a.h\""}}}),
              ElementsAre(HasSubstr("not a plain path")));
  EXPECT_THAT(IncludePaths({{"src/base/a.cc", {"#include \"tests/support/a.h\""}}}),
              ElementsAre(HasSubstr("no part of the library")));
}

TEST(RulesTest, LayersNeedTheirTable) {
  EXPECT_THAT(Layers({{"src/base/a.cc", {}}}), ElementsAre(HasSubstr("is missing")));
  EXPECT_THAT(Layers({{"src/README.md", {"| other | table |"}}}),
              ElementsAre(HasSubstr("has no table")));
}

TEST(RulesTest, LayersKeepToTheTable) {
  const SourceFile table = LayerTable({"| `base` | - | checks |", "| mark | base | bits |",
                                       "| weak | `base`, mark/liveness.h | cells |"});
  const SourceFile base{"src/base/a.h", {"#include \"elegy/elegy.h\""}};
  const SourceFile mark{"src/mark/liveness.h", {"#include \"src/base/a.h\""}};
  EXPECT_THAT(Layers({table,
                      base,
                      mark,
                      {"src/weak/a.cc",
                       {"#include \"src/base/a.h\"", "#include \"src/mark/liveness.h\"",
                        "#include \"src/weak/a.h\""}}}),
              IsEmpty());
  EXPECT_THAT(Layers({table, base, mark, {"src/weak/a.cc", {"#include \"src/mark/marker.h\""}}}),
              ElementsAre("src/weak/a.cc:1: layer weak may not include src/mark/marker.h"));
  EXPECT_THAT(Layers({table, base, mark, {"src/weak/a.cc", {}}, {"src/sweep/a.cc", {}}}),
              ElementsAre(StartsWith("src/sweep/a.cc: not in a layer")));
  EXPECT_THAT(Layers({table, base, mark, {"src/weak/a.cc", {}}, {"src/a.cc", {}}}),
              ElementsAre(StartsWith("src/a.cc: not in a layer")));
}

TEST(RulesTest, LayerTableNamesWhatExists) {
  EXPECT_THAT(Layers({LayerTable({"| base | platform | checks |"}), {"src/base/a.cc", {}}}),
              ElementsAre(HasSubstr("\"platform\", which is neither")));
  EXPECT_THAT(Layers({LayerTable({"| base | - | checks |"})}),
              ElementsAre(HasSubstr("layer base has no folder")));
}

TEST(RulesTest, DeadFiles) {
  const SourceFile user{"tests/unit/a.cc", {"#include <elegy/a.h>", "#include \"src/base/a.h\""}};
  EXPECT_THAT(
      DeadFiles({user, {"include/elegy/a.h", {}}, {"src/base/a.h", {}}, {"src/base/a.cc", {}}}),
      IsEmpty());
  EXPECT_THAT(DeadFiles({user, {"include/elegy/b.h", {}}, {"src/base/b.h", {}}}),
              ElementsAre(StartsWith("include/elegy/b.h"), StartsWith("src/base/b.h")));
  EXPECT_THAT(DeadFiles({{"include/elegy/a.cc", {}}, {"src/base/a.cpp", {}}}),
              ElementsAre(StartsWith("include/elegy/a.cc"), StartsWith("src/base/a.cpp")));
}

}  // namespace
}  // namespace elegy::tidy

// Holds the source tree against the rules.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace elegy::tidy {
namespace {

using testing::IsEmpty;

const SourceTree& Tree() {
  static const SourceTree tree = ReadTree(ELEGY_SOURCE_DIR);
  return tree;
}

TEST(TidyTest, LibraryIsFound) {
  bool found_public_header = false;
  bool found_source = false;
  for (const SourceFile& file : Tree()) {
    found_public_header |= file.path == "include/elegy/elegy.h";
    found_source |= file.path.starts_with("src/") && file.path.ends_with(".cc");
  }
  EXPECT_TRUE(found_public_header);
  EXPECT_TRUE(found_source);
}

TEST(TidyTest, NoFileIsTooLong) { EXPECT_THAT(LongFiles(Tree()), IsEmpty()); }

TEST(TidyTest, NoFunctionIsTooLong) { EXPECT_THAT(LongFunctions(Tree()), IsEmpty()); }

TEST(TidyTest, NoLineIsTooLong) { EXPECT_THAT(LongLines(Tree()), IsEmpty()); }

TEST(TidyTest, NoLineEndsInWhitespace) { EXPECT_THAT(TrailingWhitespace(Tree()), IsEmpty()); }

TEST(TidyTest, MemoryOrdersHaveReasons) { EXPECT_THAT(UnexplainedOrderings(Tree()), IsEmpty()); }

TEST(TidyTest, NoForbiddenNames) { EXPECT_THAT(ForbiddenNames(Tree()), IsEmpty()); }

TEST(TidyTest, OnlyThePlatformIncludesOsHeaders) { EXPECT_THAT(OsHeaders(Tree()), IsEmpty()); }

TEST(TidyTest, IncludesAreFullPathsWithinTheLibrary) {
  EXPECT_THAT(IncludePaths(Tree()), IsEmpty());
}

TEST(TidyTest, LayersIncludeWhatTheTableAllows) { EXPECT_THAT(Layers(Tree()), IsEmpty()); }

TEST(TidyTest, NoFileIsDead) { EXPECT_THAT(DeadFiles(Tree()), IsEmpty()); }

}  // namespace
}  // namespace elegy::tidy

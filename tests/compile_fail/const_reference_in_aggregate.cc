// EXPECT: a reference to a class inside a managed object is nearly always a forgotten elegy::Member
#include "elegy/elegy.h"

struct Page {
  elegy::Member<Page> next;
};
struct Line {
  elegy::Member<Line> next;
  const Page& page;
};

Line* MakeLine(const Page& page) { return elegy::Make<Line>(nullptr, page); }

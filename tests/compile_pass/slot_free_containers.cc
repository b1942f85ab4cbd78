// What the standard library keeps in its containers, and has of its own, as fields and held values.

#include <chrono>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include "elegy/elegy.h"

struct Document {
  std::map<std::string, std::string> attributes;
  std::unordered_map<std::string, int> numbers;
  std::set<int> lines;
  std::unordered_set<std::string> words;
  std::deque<int> history;
  std::list<std::string> notes;
  std::variant<std::monostate, int, std::string> value;
  std::chrono::steady_clock::time_point opened;
  std::chrono::milliseconds idle{0};
  std::mutex mutex;
  elegy::Member<Document> next;
};

static_assert(!elegy::kHasNoSlots<std::map<int, elegy::Member<Document>>>);
static_assert(!elegy::kHasNoSlots<std::variant<int, elegy::Member<Document>>>);

Document* MakeDocument() { return elegy::Make<Document>(); }
elegy::FinalizationRegistry<std::map<int, std::string>>* MakeRegistry() {
  return elegy::Make<elegy::FinalizationRegistry<std::map<int, std::string>>>(
      [](const std::map<int, std::string>&) {});
}

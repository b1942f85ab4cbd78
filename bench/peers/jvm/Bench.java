// Runs one workload on the Java virtual machine: Bench WORKLOAD [LIVE_MIB] [--name=number ...]
//
// The workloads are those of bench/workloads. The measured part runs three times in the process
// (--rounds), and each round prints a line of JSON: the first is measured while the code is still
// being compiled, the last is the figure to compare. There is no ephemeron workload: in a
// java.util.WeakHashMap, a value that refers to its key keeps the key alive for ever.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

public final class Bench {
  /** One round of a workload: prepares, measures, reports through its Bench, and checks. */
  interface Workload {
    void run(Bench bench) throws Exception;
  }

  // Objects go here so that the compiler cannot leave their allocation out.
  static Object published;

  private static final double TICKS_PER_SECOND = 100; // in all of Linux's files
  private static final String PEAK_KEY = "VmHWM:";

  private final String workload;
  private final Map<String, Long> flags = new HashMap<>();
  private int round;

  private Bench(String[] arguments) {
    workload = arguments[0];
    for (int i = 1; i < arguments.length; i++) {
      int equals = arguments[i].indexOf('=');
      String name = equals < 0 ? "live_mib" : arguments[i].substring("--".length(), equals);
      flags.put(name, Long.valueOf(arguments[i].substring(equals + 1)));
    }
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 0) throw new IllegalArgumentException("name a workload");
    new Bench(arguments).runRounds();
  }

  long flag(String name, long fallback) {
    return flags.getOrDefault(name, fallback);
  }

  void report(double seconds, long ops, String extra) throws Exception {
    String name = workload.equals("churn") ? "churn-" + flag("live_mib", 64) : workload;
    System.out.println(
        "{\"peer\":\"" + System.getProperty("peer", "jvm") + "\",\"workload\":\"" + name
            + "\",\"round\":" + round + number("seconds", seconds) + ",\"ops\":" + ops
            + number("ns_per_op", seconds * 1e9 / ops) + extra + number("cpu_s", cpuSeconds())
            + number("peak_rss_mb", peakResidentMib()) + ",\"ok\":true}");
  }

  static String number(String name, double value) {
    return ",\"" + name + "\":" + value;
  }

  static double secondsSince(long startNs) {
    return (System.nanoTime() - startNs) * 1e-9;
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new IllegalStateException("wrong result: " + what);
  }

  private long rounds() {
    return flag("rounds", 3);
  }

  boolean isLastRound() {
    return round == rounds();
  }

  private void runRounds() throws Exception {
    Workload chosen = choose();
    for (round = 1; round <= rounds(); round++) chosen.run(this);
  }

  private Workload choose() {
    return switch (workload) {
      case "alloc32" -> new Alloc32();
      case "binary-trees" -> new BinaryTrees(1);
      case "binary-trees-mt" -> new BinaryTrees((int) flag("threads", 2));
      case "gcbench" -> new Gcbench();
      case "churn" -> new Churn();
      case "fragment" -> new Fragment();
      case "finalize" -> new Finalize();
      case "deref" -> new Deref();
      case "mark" -> new Mark();
      case "start" -> new Start();
      default -> throw new IllegalArgumentException("unknown workload: " + workload);
    };
  }

  // The management beans would take the processor for longer than all of start.
  private static double cpuSeconds() throws Exception {
    String stat = Files.readString(Path.of("/proc/self/stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_SECOND;
  }

  static double peakResidentMib() throws Exception {
    String status = Files.readString(Path.of("/proc/self/status"));
    int start = status.indexOf(PEAK_KEY) + PEAK_KEY.length();
    return Long.parseLong(status.substring(start, status.indexOf("kB", start)).strip()) / 1024.0;
  }
}

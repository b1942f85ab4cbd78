import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.util.concurrent.atomic.AtomicInteger;

/** finalize, by phantom references: the cheapest of the JVM's ways. */
final class Finalize implements Bench.Workload {
  private static final class Registration extends PhantomReference<PairNode> {
    final int held;

    Registration(PairNode target, ReferenceQueue<PairNode> queue, int held) {
      super(target, queue);
      this.held = held;
    }
  }

  private static final double TIMEOUT_SECONDS = 30;

  private final ReferenceQueue<PairNode> queue = new ReferenceQueue<>();
  private final AtomicInteger callbacks = new AtomicInteger();
  private long heldSum; // written before each increment of callbacks
  private Registration[] registrations;

  // The one thread that runs all callbacks.
  private void runCallbacks() {
    try {
      while (true) {
        Registration registration = (Registration) queue.remove();
        registrations[registration.held] = null;
        heldSum += registration.held;
        callbacks.lazySet(callbacks.get() + 1);
      }
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    }
  }

  private void start(int objects) {
    registrations = new Registration[objects];
    Thread thread = new Thread(this::runCallbacks);
    thread.setDaemon(true);
    thread.start();
  }

  // Leaves the objects to Bench.published; returns the time per registration.
  private double registerAll(int objects) {
    PairNode[] nodes = new PairNode[objects];
    for (int i = 0; i < objects; i++) nodes[i] = new PairNode();
    System.gc();
    long start = System.nanoTime();
    for (int i = 0; i < objects; i++) registrations[i] = new Registration(nodes[i], queue, i);
    double registerNs = Bench.secondsSince(start) * 1e9 / objects;
    System.gc();
    Bench.published = nodes;
    return registerNs;
  }

  @Override
  public void run(Bench bench) throws Exception {
    int objects = (int) bench.flag("objects", 1_000_000);
    if (registrations == null) start(objects);
    callbacks.set(0);
    heldSum = 0;
    double registerNs = registerAll(objects);

    long start = System.nanoTime();
    Bench.published = null;
    System.gc();
    while (callbacks.get() < objects && Bench.secondsSince(start) < TIMEOUT_SECONDS) {
      Thread.sleep(0, 200_000);
    }
    double seconds = Bench.secondsSince(start);
    Bench.check(callbacks.get() == objects, "every callback runs once");
    Bench.check(heldSum == (long) objects * (objects - 1) / 2, "every held value is delivered");
    bench.report(seconds, objects, Bench.number("register_ns", registerNs));
  }
}
